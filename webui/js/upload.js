/**
 * Sending files to the box. Uploads outlive the view that started them; events of `Uploader`:
 * `change` (detail: Upload) on every step, `sent` (detail: {upload, job}) when the box has accepted one.
 */

import { ApiError } from "./api.js";

/** @import { Job } from "./types.js" */

/** More would only make each one slower, and a browser has six connections to one host. */
const AT_ONCE = 2;

/**
 * @typedef {object} UploadOptions
 * @property {string} [model]
 * @property {string} [language]
 * @property {string} [priority]
 * @property {string} [channels] "mix" or "split"
 */

/**
 * @typedef {object} Upload
 * @property {number} id
 * @property {File} file
 * @property {UploadOptions} options
 * @property {"waiting" | "sending" | "finishing" | "sent" | "failed" | "cancelled"} state
 * @property {number} sent bytes
 * @property {number} speed bytes per second
 * @property {ApiError | null} error
 * @property {XMLHttpRequest | null} request
 */

export class Uploader extends EventTarget {
  /** @param {() => void} onSignedOut */
  constructor(onSignedOut) {
    super();
    this.onSignedOut = onSignedOut;
    /** @type {Upload[]} */
    this.uploads = [];
    this.serial = 0;
    window.addEventListener("beforeunload", (event) => {
      if (this.active().length > 0) event.preventDefault();
    });
  }

  /** Those not finished. */
  active() {
    return this.uploads.filter((upload) => ["waiting", "sending", "finishing"].includes(upload.state));
  }

  /**
   * @param {File[]} files
   * @param {UploadOptions} options
   */
  add(files, options) {
    for (const file of files) {
      this.serial += 1;
      /** @type {Upload} */
      const upload = {
        id: this.serial, file, options, state: "waiting", sent: 0, speed: 0, error: null, request: null,
      };
      this.uploads.push(upload);
      this.changed(upload);
    }
    this.pump();
  }

  /** @param {Upload} upload */
  cancel(upload) {
    const request = upload.request;
    this.finish(upload, "cancelled");
    request?.abort();
  }

  /** @param {Upload} upload */
  retry(upload) {
    upload.sent = 0;
    upload.speed = 0;
    upload.error = null;
    upload.state = "waiting";
    this.changed(upload);
    this.pump();
  }

  /** Takes a finished upload off the list. @param {Upload} upload */
  dismiss(upload) {
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.changed(upload);
  }

  /** Stops everything, as when the person signs out. */
  clear() {
    for (const upload of this.active()) this.cancel(upload);
    this.uploads = [];
  }

  pump() {
    const waiting = this.uploads.filter((upload) => upload.state === "waiting");
    const busy = this.uploads.filter((upload) => upload.state === "sending" || upload.state === "finishing").length;
    for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - busy))) this.send(upload);
  }

  /** @param {Upload} upload */
  send(upload) {
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.options)) {
      if (value) form.append(name, value);
    }
    // The file goes last, so that the box knows the options before the long part arrives.
    form.append("file", upload.file, upload.file.name);
    // XMLHttpRequest and not fetch: only it tells how many bytes have left.
    const request = new XMLHttpRequest();
    upload.request = request;
    upload.state = "sending";
    const started = performance.now();
    request.upload.addEventListener("progress", (event) => {
      upload.sent = Math.min(upload.file.size, event.loaded);
      upload.speed = (upload.sent * 1000) / Math.max(1, performance.now() - started);
      this.changed(upload);
    });
    request.upload.addEventListener("load", () => {
      if (upload.state !== "sending") return;
      upload.sent = upload.file.size;
      upload.state = "finishing";
      this.changed(upload);
    });
    request.addEventListener("load", () => this.answered(upload, request));
    request.addEventListener("error", () => this.failed(upload, ApiError.unreachable()));
    request.open("POST", "/api/jobs");
    request.send(form);
    this.changed(upload);
  }

  /**
   * @param {Upload} upload
   * @param {XMLHttpRequest} request
   */
  answered(upload, request) {
    if (request.status !== 201) {
      this.failed(upload, ApiError.fromBody(request.status, request.responseText));
      return;
    }
    /** @type {Job} */
    const job = JSON.parse(request.responseText);
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.finish(upload, "sent");
    this.dispatchEvent(new CustomEvent("sent", { detail: { upload, job } }));
  }

  /**
   * @param {Upload} upload
   * @param {ApiError} error
   */
  failed(upload, error) {
    if (upload.state === "cancelled") return;
    upload.error = error;
    this.finish(upload, "failed");
    if (error.code === "not_signed_in") this.onSignedOut();
  }

  /**
   * @param {Upload} upload
   * @param {Upload["state"]} state
   */
  finish(upload, state) {
    upload.state = state;
    upload.request = null;
    this.changed(upload);
    this.pump();
  }

  /** @param {Upload} upload */
  changed(upload) {
    this.dispatchEvent(new CustomEvent("change", { detail: upload }));
  }
}
