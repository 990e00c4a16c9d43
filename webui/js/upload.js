/**
 * Sending files to the box. Uploads outlive the view that started them; events of `Uploader`:
 * `change` (detail: Upload) on every step, `sent` (detail: {upload, job}) when the box has accepted one.
 */

import { ApiError } from "./api.js";
import { Transfer } from "./transfer.js";

/** @import { Job } from "./types.js" */
/** @import { UploadMemory } from "./memory.js" */

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
 * @property {"waiting" | "sending" | "broken" | "finishing" | "sent" | "failed" | "cancelled"} state "broken": it
 *   goes on by itself once the box can be reached
 * @property {number} sent bytes
 * @property {number} speed bytes per second
 * @property {ApiError | null} error
 * @property {Transfer | null} transfer
 */

export class Uploader extends EventTarget {
  /**
   * @param {{memory: UploadMemory, job: (id: string) => Promise<Job>, onSignedOut: () => void}} options `job` asks
   *   the box for one
   */
  constructor({ memory, job, onSignedOut }) {
    super();
    this.memory = memory;
    this.job = job;
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
    return this.uploads.filter((upload) => ["waiting", "sending", "broken", "finishing"].includes(upload.state));
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
        id: this.serial, file, options, state: "waiting", sent: 0, speed: 0, error: null, transfer: null,
      };
      this.uploads.push(upload);
      this.changed(upload);
    }
    this.pump();
  }

  /** @param {Upload} upload */
  cancel(upload) {
    const { transfer } = upload;
    this.finish(upload, "cancelled");
    transfer?.cancel();
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
    const busy = this.uploads.filter((upload) => ["sending", "broken", "finishing"].includes(upload.state)).length;
    for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - busy))) this.send(upload);
  }

  /** @param {Upload} upload */
  async send(upload) {
    upload.state = "sending";
    const started = performance.now();
    let before = -1;
    const transfer = new Transfer(upload.file, { ...upload.options }, this.memory, {
      sent: (bytes) => {
        if (before < 0) before = bytes; // what an earlier try had sent is not this one's speed
        upload.sent = Math.min(upload.file.size, bytes);
        upload.speed = ((upload.sent - before) * 1000) / Math.max(1, performance.now() - started);
        this.changed(upload);
      },
      complete: () => {
        upload.state = "finishing";
        this.changed(upload);
      },
      broken: (broken) => {
        if (upload.state === "cancelled" || (!broken && upload.state !== "broken")) return;
        upload.state = broken ? "broken" : "sending";
        this.changed(upload);
      },
    });
    upload.transfer = transfer;
    this.changed(upload);
    try {
      const id = await transfer.run();
      if (id !== null) await this.arrived(upload, id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failed(upload, error);
    }
  }

  /**
   * @param {Upload} upload
   * @param {string} id of the job
   */
  async arrived(upload, id) {
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.finish(upload, "sent");
    try {
      this.dispatchEvent(new CustomEvent("sent", { detail: { upload, job: await this.job(id) } }));
    } catch (error) {
      // It is on the box all the same; the list shows it when the connection is there again.
      if (!(error instanceof ApiError)) throw error;
    }
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
    upload.transfer = null;
    this.changed(upload);
    this.pump();
  }

  /** @param {Upload} upload */
  changed(upload) {
    this.dispatchEvent(new CustomEvent("change", { detail: upload }));
  }
}
