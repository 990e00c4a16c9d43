/** Choices that this browser remembers: nothing secret, nothing that matters when it is lost. */

const KEY = "stenobox.upload";

/** @import { UploadOptions } from "./upload.js" */

/** @returns {UploadOptions} */
export function loadUploadOptions() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** @param {UploadOptions} options */
export function saveUploadOptions(options) {
  try {
    localStorage.setItem(KEY, JSON.stringify(options));
  } catch {
    // Storage may be full or forbidden; then the choice holds until the page is closed.
  }
}
