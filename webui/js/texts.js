/** Corrections of transcripts and the search over all of them, as the box offers them. */

import { jobPath } from "./api.js";

/** @import { Api } from "./api.js" */
/** @import { Difference, Found, Line, Transcript, Version } from "./types.js" */

export class Texts {
  /** @param {Api} api */
  constructor(api) {
    this.api = api;
  }

  /**
   * A new version of a transcript.
   * @param {string} id
   * @param {Line[]} segments
   * @param {number} version the one that was corrected; refused when the box has a newer one
   * @returns {Promise<Transcript>}
   */
  correct(id, segments, version) {
    return this.api.request("PUT", `${jobPath(id)}/transcript`, { json: { segments }, etag: `"${version}"` });
  }

  /** @param {string} id @returns {Promise<{versions: Version[]}>} */
  versions(id) {
    return this.api.request("GET", `${jobPath(id)}/transcript/versions`);
  }

  /**
   * What changed from one version to another.
   * @param {string} id
   * @param {number} number
   * @param {number} against
   * @returns {Promise<Difference>}
   */
  difference(id, number, against) {
    return this.api.request("GET", `${jobPath(id)}/transcript/versions/${number}/diff?against=${against}`);
  }

  /** @param {string} id @param {number} number @param {number} current @returns {Promise<Transcript>} */
  restore(id, number, current) {
    return this.api.request("POST", `${jobPath(id)}/transcript/versions/${number}/restore`, { etag: `"${current}"` });
  }

  /** @param {Record<string, string>} query @param {AbortSignal} signal @returns {Promise<Found>} */
  search(query, signal) {
    return this.api.request("GET", `/api/search?${new URLSearchParams(query)}`, { signal });
  }

  /** @returns {Promise<{body: {words: string[]}, etag: string}>} */
  glossary() {
    return this.api.answer("GET", "/api/glossary");
  }

  /** @param {string[]} words @param {string} etag @returns {Promise<{body: {words: string[]}, etag: string}>} */
  writeGlossary(words, etag) {
    return this.api.answer("PUT", "/api/glossary", { json: { words }, etag });
  }
}
