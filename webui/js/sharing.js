/** Sharing, as the box's API has it: what may be done with what another shares, shares given, and links. */

/** @import { Api } from "./api.js" */
/** @import { Access, Linked, Peaks, Share, Transcript, User } from "./types.js" */

/** What a share is of: one recording, or everything that has a tag. @typedef {{recording: string} | {tag: string}} Subject */

/** What others share with oneself. @typedef {{received: "1"}} Received */

/**
 * @typedef {object} Order
 * @property {string} [user] with whom; without: a link
 * @property {"read" | "edit"} [rights]
 * @property {number | null} days null: until it is taken back, and for a link as the box is set
 */

/** The page of a link, without the token. */
const LINK = "#/link/";

/**
 * Whether somebody may change, delete and share what they are shown.
 * @param {User} user
 * @param {{access: Access} | undefined} thing a job or a recording
 */
export function mayChange(user, thing) {
  return user.role !== "viewer" && thing?.access === "own";
}

/**
 * Whether somebody may correct the text of what they are shown.
 * @param {User} user
 * @param {{access: Access} | undefined} thing
 */
export function mayCorrect(user, thing) {
  return user.role !== "viewer" && (thing?.access === "own" || thing?.access === "edit");
}

/** @param {Api} api @returns {Promise<{people: string[]}>} the names of those with whom one can share */
export function people(api) {
  return api.request("GET", "/api/people");
}

/**
 * @param {Api} api
 * @param {Subject | Received | null} subject null: all that one gave
 * @param {string | null} cursor
 * @returns {Promise<{shares: Share[], next: string | null}>} the newest first
 */
export function shares(api, subject, cursor) {
  const query = new URLSearchParams(subject ?? {});
  if (cursor !== null) query.set("cursor", cursor);
  return api.request("GET", `/api/shares?${query}`);
}

/**
 * @param {Api} api
 * @param {Subject} subject
 * @param {Order} order
 * @returns {Promise<Share & {path: string | null}>} `path` of the page that a link opens: it is told this once
 */
export function share(api, subject, order) {
  return api.request("POST", "/api/shares", { json: { ...subject, ...order } });
}

/** @param {Api} api @param {Share["id"]} id */
export function takeBack(api, id) {
  return api.request("DELETE", `/api/shares/${encodeURIComponent(id)}`);
}

/**
 * What a fragment opens, if it is that of a link.
 * @param {string} hash
 * @returns {{token: string, recording: string | null} | null}
 */
export function linkIn(hash) {
  if (!hash.startsWith(LINK)) return null;
  const [token, query] = hash.slice(LINK.length).split("?", 2);
  return token ? { token, recording: new URLSearchParams(query).get("recording") } : null;
}

/** What a link opens; all of it is asked for by the token alone. */
export class Link {
  /**
   * @param {Api} api
   * @param {string} token
   */
  constructor(api, token) {
    this.api = api;
    this.hash = `${LINK}${token}`;
    this.path = `/api/links/${encodeURIComponent(token)}`;
  }

  /** @returns {Promise<Linked>} */
  open() {
    return this.api.request("GET", this.path);
  }

  /** @param {string} job @param {AbortSignal} signal @returns {Promise<Transcript>} */
  transcript(job, signal) {
    return this.api.request("GET", `${this.transcriptPath(job)}?format=json`, { signal });
  }

  /** Where a browser may fetch a transcript as a file. @param {string} job @param {string} format */
  file(job, format) {
    return `${this.transcriptPath(job)}?format=${encodeURIComponent(format)}&download=1`;
  }

  /** @param {string} job */
  transcriptPath(job) {
    return `${this.path}/jobs/${encodeURIComponent(job)}/transcript`;
  }

  /** @param {string} recording */
  audio(recording) {
    return `${this.path}/recordings/${encodeURIComponent(recording)}/audio`;
  }

  /** @param {string} recording @param {number} points @param {AbortSignal} signal @returns {Promise<Peaks>} */
  peaks(recording, points, signal) {
    return this.api.request("GET", `${this.path}/recordings/${encodeURIComponent(recording)}/peaks?points=${points}`, { signal });
  }
}
