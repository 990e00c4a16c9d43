/** What states and errors are called on this page, and what a person can do about them. */

/** @import { Job, JobState } from "./types.js" */
/** @import { IconName } from "./icons.js" */

/** @type {Record<JobState, {label: string, icon: IconName}>} */
export const STATES = {
  queued: { label: "Waiting", icon: "clock" },
  running: { label: "Running", icon: "wave" },
  done: { label: "Done", icon: "check" },
  failed: { label: "Failed", icon: "warning" },
  cancelled: { label: "Cancelled", icon: "close" },
  quarantined: { label: "Set aside", icon: "warning" },
};

/** @type {{id: string, label: string, states: JobState[]}[]} */
export const FILTERS = [
  { id: "all", label: "All", states: [] },
  { id: "queued", label: "Waiting", states: ["queued"] },
  { id: "running", label: "Running", states: ["running"] },
  { id: "done", label: "Done", states: ["done"] },
  { id: "problems", label: "Problems", states: ["failed", "quarantined"] },
  { id: "cancelled", label: "Cancelled", states: ["cancelled"] },
];

/** @type {{id: Job["priority"], label: string}[]} */
export const PRIORITIES = [
  { id: "interactive", label: "First" },
  { id: "normal", label: "Normal" },
  { id: "batch", label: "When nothing else waits" },
];

export const ROLES = [
  { id: "user", label: "User" },
  { id: "viewer", label: "Viewer" },
  { id: "admin", label: "Administrator" },
];

/** What an API key may be used for. @type {{id: import("./types.js").Scope, label: string}[]} */
export const SCOPES = [
  { id: "read", label: "Read transcripts and recordings" },
  { id: "upload", label: "Send recordings, change and delete them" },
  { id: "metrics", label: "Read the metrics of the box" },
  { id: "admin", label: "Administer the box" },
];

/**
 * An error of the API in one sentence or two. The box's own words already say what to do; only where the page knows
 * more does it speak for itself.
 * @param {unknown} error
 */
export function explain(error) {
  const problem = /** @type {{code?: string, detail?: string, title?: string, requestId?: string}} */ (error);
  if (problem.code === "wrong_credentials") return "The name or the password is not right. Check both and try again.";
  if (problem.code === "setup_link_invalid") {
    return "This set-up link no longer works: it was used already, or the box has restarted since. Open the newest link that the box printed.";
  }
  const words = problem.detail || problem.title || "Something went wrong. Reload the page and try again.";
  const known = words.includes(problem.requestId || "\0");
  return problem.code === "internal" && problem.requestId && !known ? `${words} (Request ${problem.requestId})` : words;
}

/**
 * Why a job has no transcript, and what can be done.
 * @param {Job} job
 */
export function explainJob(job) {
  const reason = job.error?.detail ?? "";
  if (job.state === "quarantined") {
    return `${reason} It was tried ${job.attempt} times and then set aside, so that it holds nothing up. You can try it again, or send the recording in another format.`.trim();
  }
  if (job.state === "failed") return reason || "The transcription failed. Try it again.";
  return "";
}
