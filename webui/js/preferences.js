/** Choices that this browser remembers: nothing secret, nothing that matters when it is lost. */

const UPLOAD = "stenobox.upload";
const EXPORT = "stenobox.export";

/** @import { UploadOptions } from "./upload.js" */

/** @returns {UploadOptions} */
export function loadUploadOptions() {
  return load(UPLOAD);
}

/** @param {UploadOptions} options */
export function saveUploadOptions(options) {
  save(UPLOAD, options);
}

/**
 * How somebody last downloaded a transcript.
 * @typedef {{formats?: string[], subtitles?: string, numbers?: Record<string, string>}} ExportChoice
 */

/** @returns {ExportChoice} */
export function loadExportChoice() {
  return load(EXPORT);
}

/** @param {ExportChoice} choice */
export function saveExportChoice(choice) {
  save(EXPORT, choice);
}

/** @param {string} key @returns {any} */
function load(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** @param {string} key @param {unknown} value */
function save(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage may be full or forbidden; then the choice holds until the page is closed.
  }
}
