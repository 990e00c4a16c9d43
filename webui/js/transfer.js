/**
 * One file on its way to the box by tus 1.0.0: it goes on by itself after whatever interrupted it, and after the
 * page was closed, when the same file is chosen again.
 */

import { ApiError } from "./api.js";

/** In one request. The box keeps what arrived of one that was cut off. */
const PIECE_BYTES = 64 * 1024 * 1024;
/** Before each further try, in seconds; one that brought bytes to the box begins anew. */
const DELAYS = [0.5, 1, 2, 5, 10, 20, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30];

/**
 * @typedef {object} Listener
 * @property {(bytes: number) => void} sent how many bytes are on the box or on the wire
 * @property {() => void} complete all bytes have left
 * @property {(broken: boolean) => void} broken the connection is gone, or there again
 */

/** What the box does not take, whoever asks again: everything but trouble of its own or of the way to it. */
export function isFinal(/** @type {ApiError} */ error) {
  return error.status >= 400 && error.status < 500 && ![408, 409, 423, 429].includes(error.status);
}

export class Transfer {
  /**
   * @param {File} file
   * @param {Record<string, string | undefined>} wishes fields of a job
   * @param {import("./memory.js").UploadMemory} memory
   * @param {Listener} listener
   */
  constructor(file, wishes, memory, listener) {
    this.file = file;
    this.wishes = wishes;
    this.memory = memory;
    this.listener = listener;
    /** @type {string | null} */
    this.url = memory.find(file, wishes);
    /** @type {XMLHttpRequest | null} */
    this.request = null;
    this.stopped = false;
    /** @type {() => void} */
    this.wake = () => {};
  }

  /**
   * @returns {Promise<string | null>} the job's id; null when it was cancelled. Throws the box's refusal, or
   *   "unreachable" after minutes of trying.
   */
  async run() {
    let failures = 0;
    let furthest = -1;
    while (!this.stopped) {
      try {
        const { offset, job } = await this.where();
        this.listener.broken(false);
        if (job) return this.finished(job);
        if (offset > furthest) failures = 0;
        furthest = Math.max(furthest, offset);
        const done = await this.piece(offset);
        if (done) return this.finished(done);
        failures = 0;
      } catch (error) {
        if (this.stopped) break;
        if (!(error instanceof ApiError)) throw error;
        if ([404, 410].includes(error.status) && this.url) {
          this.forget(); // It expired; what is left is to send it again.
        } else if (isFinal(error)) {
          if (error.code !== "not_signed_in") this.forget(); // The box has dropped what it refused.
          throw error;
        }
        if (failures === DELAYS.length) throw error;
        if (error.status === 0) await this.readable();
        this.listener.broken(true);
        await this.pause(DELAYS[failures] * 1000);
        failures += 1;
      }
    }
    return null;
  }

  /** Stops for good; the box drops what it has. */
  cancel() {
    this.stopped = true;
    this.request?.abort();
    this.wake();
    this.drop();
  }

  /** Where to go on. @returns {Promise<{offset: number, job: string | null}>} */
  async where() {
    if (this.url === null) {
      const answer = await this.ask("POST", "/api/tus", {
        "Upload-Length": String(this.file.size),
        "Upload-Metadata": metadata({ filename: this.file.name, ...this.wishes }),
      });
      this.url = new URL(answer.getResponseHeader("Location") ?? "", location.href).pathname;
      this.memory.keep(this.file, this.wishes, this.url);
      return { offset: 0, job: null };
    }
    return place(await this.ask("HEAD", this.url));
  }

  /** Sends the next piece. @param {number} offset @returns {Promise<string | null>} the job, once it is one */
  async piece(offset) {
    const piece = this.file.slice(offset, offset + PIECE_BYTES);
    const last = offset + piece.size >= this.file.size;
    const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    const answer = await this.ask("PATCH", /** @type {string} */ (this.url), headers, piece, (sent, over) => {
      this.listener.sent(offset + sent);
      if (over && last) this.listener.complete();
    });
    return place(answer).job;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string>} [headers]
   * @param {Blob} [body]
   * @param {(sent: number, over: boolean) => void} [moved]
   * @returns {Promise<XMLHttpRequest>}
   */
  ask(method, path, headers = {}, body, moved) {
    // XMLHttpRequest and not fetch: only it tells how many bytes have left.
    const request = new XMLHttpRequest();
    this.request = request;
    return new Promise((resolve, reject) => {
      request.addEventListener("load", () => {
        if (request.status >= 200 && request.status < 300) resolve(request);
        else reject(ApiError.fromBody(request.status, request.responseText));
      });
      for (const event of ["error", "abort", "timeout"]) {
        request.addEventListener(event, () => reject(ApiError.unreachable()));
      }
      if (moved) {
        request.upload.addEventListener("progress", (event) => moved(event.loaded, false));
        request.upload.addEventListener("load", (event) => moved(event.loaded, true));
      }
      request.open(method, path);
      for (const [name, value] of Object.entries({ "Tus-Resumable": "1.0.0", ...headers })) {
        request.setRequestHeader(name, value);
      }
      request.send(body ?? null);
    });
  }

  /** Waits, but no longer than until the computer says that it has a network again. @param {number} milliseconds */
  pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        removeEventListener("online", this.wake);
        resolve(undefined);
      };
      addEventListener("online", this.wake);
    });
  }

  /** Throws when it is the file that cannot be read any more, and not the box that cannot be reached. */
  async readable() {
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      this.drop();
      throw new ApiError({
        code: "file_changed",
        status: 400,
        title: "The file cannot be read any more",
        detail: "The file was changed, moved or deleted on this computer while it was sent. Choose it again.",
      });
    }
  }

  /** @param {string} job */
  finished(job) {
    this.forget();
    return job;
  }

  forget() {
    this.url = null;
    this.memory.drop(this.file, this.wishes);
  }

  drop() {
    const url = this.url;
    this.forget();
    if (url === null) return;
    // Whether this arrives or not: the box drops it by itself after a day.
    fetch(url, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" }, keepalive: true }).catch(() => {});
  }
}

/** @param {XMLHttpRequest} answer @returns {{offset: number, job: string | null}} */
function place(answer) {
  return {
    offset: Number(answer.getResponseHeader("Upload-Offset") ?? 0),
    job: answer.getResponseHeader("Stenobox-Job"),
  };
}

/** @param {Record<string, string | undefined>} fields */
function metadata(fields) {
  return Object.entries(fields)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name} ${base64(/** @type {string} */ (value))}`)
    .join(",");
}

/** Of the text's UTF-8. @param {string} text */
function base64(text) {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}
