/** Transcripts as files: which formats there are, what can be chosen for each, and how to get them. */

import { ApiError } from "./api.js";

/** @import { Api } from "./api.js" */

/**
 * @typedef {object} Format
 * @property {string} id
 * @property {string} label
 * @property {string} hint
 * @property {boolean} [times] whether it may have times
 * @property {boolean} [speakers] whether it may name channels
 * @property {boolean} [subtitles]
 * @property {boolean} [often] whether it has a button of its own
 */

/** @type {Format[]} */
export const FORMATS = [
  { id: "txt", label: "Text", hint: "plain text", times: true, speakers: true, often: true },
  { id: "docx", label: "Word", hint: "document", times: true, speakers: true, often: true },
  { id: "srt", label: "SRT", hint: "subtitles", speakers: true, subtitles: true, often: true },
  { id: "vtt", label: "VTT", hint: "web subtitles", speakers: true, subtitles: true, often: true },
  { id: "html", label: "Web page", hint: "to read and print", times: true, speakers: true },
  { id: "md", label: "Markdown", hint: "for notes and wikis", times: true, speakers: true },
  { id: "tsv", label: "TSV", hint: "table with times", speakers: true },
  { id: "lrc", label: "LRC", hint: "for music players", speakers: true },
  { id: "json", label: "JSON", hint: "all details, for programs", often: true },
];

/**
 * What the box may be told about an export; what is not there is as the format has it.
 * @typedef {{timestamps?: boolean, speakers?: boolean, line_chars?: number, cue_lines?: number, max_cps?: number}} Options
 */

/**
 * Has the browser save one transcript.
 * @param {string} id of the job
 * @param {string} format
 * @param {Options} options
 */
export function saveTranscript(id, format, options) {
  const query = new URLSearchParams({ format, download: "1" });
  for (const [name, value] of Object.entries(options)) query.set(name, String(value));
  save(`/api/jobs/${encodeURIComponent(id)}/transcript?${query}`, "");
}

/**
 * Gets several transcripts as one zip file, and has the browser save it.
 * @param {Api} api
 * @param {{jobs: string[], formats: string[], options: Options}} order
 * @returns {Promise<number>} how many could not be exported
 */
export async function saveZip(api, order) {
  /** @type {Response} */
  let response;
  /** @type {Blob} */
  let zip;
  try {
    response = await fetch("/api/transcripts/export", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(order),
      credentials: "same-origin",
      cache: "no-store",
    });
    zip = await response.blob();
  } catch {
    throw ApiError.unreachable();
  }
  if (!response.ok) {
    const problem = ApiError.fromBody(response.status, await zip.text());
    if (problem.code === "not_signed_in") api.onSignedOut();
    throw problem;
  }
  const url = URL.createObjectURL(zip);
  save(url, "transcripts.zip");
  // The browser reads it after this call; it keeps what it has begun to read.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return Number(response.headers.get("Stenobox-Problems") ?? 0);
}

/**
 * Puts several jobs in the trash.
 * @param {Api} api
 * @param {string[]} jobs
 * @returns {Promise<{deleted: string[], problems: {job: string, code: string, detail: string}[]}>}
 */
export function deleteJobs(api, jobs) {
  return api.request("POST", "/api/jobs/delete", { json: { jobs } });
}

/** @param {string} url @param {string} name */
function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
