/** The box's HTTP API as functions; those about people are in `people.js`. Everything that goes wrong comes out as an `ApiError`. */

/** @import { Account, Job, Recording, Peaks, Segment, Space, Transcript, User, Catalogue } from "./types.js" */

/** A refusal of the box (RFC 9457 problem), or no answer at all (`code` "unreachable"). */
export class ApiError extends Error {
  /**
   * @param {{code: string, status: number, title: string, detail: string, requestId?: string}} problem
   */
  constructor({ code, status, title, detail, requestId }) {
    super(detail || title);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.requestId = requestId ?? "";
  }

  /** The box did not answer. */
  static unreachable() {
    return new ApiError({
      code: "unreachable",
      status: 0,
      title: "The box cannot be reached",
      detail: "The box does not answer. Check that it is switched on and that you are on its network, then try again.",
    });
  }

  /**
   * @param {number} status
   * @param {string} body
   */
  static fromBody(status, body) {
    /** @type {Record<string, any>} */
    let problem = {};
    try {
      problem = JSON.parse(body) ?? {};
    } catch {
      // Something between the page and the box (a proxy, say) answered in its own words.
    }
    return new ApiError({
      code: problem.code ?? `http_${status}`,
      status,
      title: problem.title ?? "The box could not do this",
      detail: problem.detail ?? `It answered with status ${status}. Try again; if it stays so, tell the administrator.`,
      requestId: problem.request_id ?? problem.instance,
    });
  }
}

export class Api {
  /** @param {() => void} onSignedOut called when the box says that this session is over */
  constructor(onSignedOut) {
    this.onSignedOut = onSignedOut;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{json?: unknown, signal?: AbortSignal, etag?: string}} [options]
   * @returns {Promise<any>} the parsed body; null for 204
   */
  async request(method, path, options = {}) {
    return (await this.answer(method, path, options)).body;
  }

  /**
   * The same with the answer's ETag; an `etag` in the options is what the box must still have.
   * @param {string} method
   * @param {string} path
   * @param {{json?: unknown, signal?: AbortSignal, etag?: string}} [options]
   * @returns {Promise<{body: any, etag: string}>}
   */
  async answer(method, path, { json, signal, etag } = {}) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (json !== undefined) headers["Content-Type"] = "application/json";
    if (etag) headers["If-Match"] = etag;
    /** @type {Response} */
    let response;
    /** @type {string} */
    let body;
    try {
      response = await fetch(path, {
        method,
        signal,
        headers,
        body: json === undefined ? undefined : JSON.stringify(json),
        credentials: "same-origin",
        cache: "no-store",
      });
      body = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw ApiError.unreachable();
    }
    if (!response.ok) {
      const problem = ApiError.fromBody(response.status, body);
      if (problem.code === "not_signed_in") this.onSignedOut();
      throw problem;
    }
    return { body: body === "" ? null : JSON.parse(body), etag: response.headers.get("ETag") ?? "" };
  }

  // --- who is there -------------------------------------------------------------------------------------------------

  /** @returns {Promise<{needed: boolean, encrypted: boolean}>} */
  setupNeeded() {
    return this.request("GET", "/api/setup");
  }

  /**
   * @param {string} token
   * @param {string} name
   * @param {string} password
   * @returns {Promise<User>}
   */
  setUp(token, name, password) {
    return this.request("POST", "/api/setup", { json: { token, name, password } });
  }

  signOut() {
    return this.request("POST", "/api/auth/logout");
  }

  /** @returns {Promise<User & Space>} */
  me() {
    return this.request("GET", "/api/auth/me");
  }

  /**
   * @param {string} old
   * @param {string} fresh
   */
  changePassword(old, fresh) {
    return this.request("POST", "/api/auth/password", { json: { old, new: fresh } });
  }

  // --- jobs ---------------------------------------------------------------------------------------------------------

  /**
   * @param {{state?: string, tag?: string | null, cursor?: string | null, limit?: number, trashed?: boolean, shared?: boolean}} [query]
   *   `shared`: what others share instead of one's own
   * @returns {Promise<{jobs: Job[], next: string | null}>}
   */
  jobs({ state, tag, cursor, limit = 50, trashed = false, shared = false } = {}) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (trashed) query.set("trashed", "1");
    if (shared) query.set("shared", "1");
    if (state) query.set("state", state);
    if (tag) query.set("tag", tag);
    if (cursor) query.set("cursor", cursor);
    return this.request("GET", `/api/jobs?${query}`);
  }

  /** @param {string} id @returns {Promise<Job>} */
  job(id) {
    return this.request("GET", jobPath(id));
  }

  /** The lines so far of a job that runs. @param {string} id @returns {Promise<{segments: Segment[]}>} */
  heard(id) {
    return this.request("GET", `${jobPath(id)}/segments`);
  }

  /** @param {string} id @param {AbortSignal} [signal] @returns {Promise<Transcript>} */
  transcript(id, signal) {
    return this.request("GET", `${jobPath(id)}/transcript?format=json`, { signal });
  }

  /** @param {string} id @returns {Promise<Job>} */
  cancelJob(id) {
    return this.request("POST", `${jobPath(id)}/cancel`);
  }

  /** @param {string} id @returns {Promise<Job>} */
  retryJob(id) {
    return this.request("POST", `${jobPath(id)}/retry`);
  }

  /** @param {string} id @param {string} priority @returns {Promise<Job>} */
  setPriority(id, priority) {
    return this.request("POST", `${jobPath(id)}/priority`, { json: { priority } });
  }

  /** Into the trash. @param {string} id */
  deleteJob(id) {
    return this.request("DELETE", jobPath(id));
  }

  /** Out of the trash. @param {string} id @returns {Promise<Job>} */
  restoreJob(id) {
    return this.request("POST", `${jobPath(id)}/restore`);
  }

  /** For good; only what is in the trash. @param {string} id */
  eraseJob(id) {
    return this.request("DELETE", `${jobPath(id)}?permanent=1`);
  }

  // --- recordings ---------------------------------------------------------------------------------------------------

  /** @param {string} id @returns {Promise<{body: Recording, etag: string}>} */
  recording(id) {
    return this.answer("GET", recordingPath(id));
  }

  /**
   * @param {string} id
   * @param {{title?: string | null, tags?: string[], audio_days?: number | null, transcript_days?: number | null}} change
   * @param {string} etag of what was changed; refused when the box has something newer
   * @returns {Promise<{body: Recording, etag: string}>}
   */
  changeRecording(id, change, etag) {
    return this.answer("PATCH", recordingPath(id), { json: change, etag });
  }

  /** @param {string} id @param {number} points @param {AbortSignal} signal @returns {Promise<Peaks>} */
  peaks(id, points, signal) {
    return this.request("GET", `${recordingPath(id)}/peaks?points=${points}`, { signal });
  }

  // --- the rest -----------------------------------------------------------------------------------------------------

  /** @returns {Promise<Catalogue>} */
  models() {
    return this.request("GET", "/api/models");
  }

  /** @returns {Promise<{users: Account[]}>} */
  users() {
    return this.request("GET", "/api/users");
  }

  /** @param {{name: string, password: string, role: string}} user */
  addUser(user) {
    return this.request("POST", "/api/users", { json: user });
  }

  /** @param {string} name @param {number | null} bytes null: what the settings say, 0: no limit */
  setQuota(name, bytes) {
    return this.request("PATCH", `/api/users/${encodeURIComponent(name)}`, { json: { quota_bytes: bytes } });
  }

  /**
   * @param {string} name
   * @returns {Promise<{outcome: string}>} "disabled" when recordings belong to the account, else "removed"
   */
  removeUser(name) {
    return this.request("DELETE", `/api/users/${encodeURIComponent(name)}`);
  }
}

/** @param {string} id */
export function jobPath(id) {
  return `/api/jobs/${encodeURIComponent(id)}`;
}

/** @param {string} id */
function recordingPath(id) {
  return `/api/recordings/${encodeURIComponent(id)}`;
}

/**
 * Where a browser may fetch a transcript as a file.
 * @param {string} id
 * @param {string} format
 */
export function transcriptUrl(id, format) {
  return `${jobPath(id)}/transcript?format=${encodeURIComponent(format)}&download=1`;
}

/** @param {string} recordingId */
export function audioUrl(recordingId) {
  return `${recordingPath(recordingId)}/audio`;
}
