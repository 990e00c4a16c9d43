/** Small parts of the page of a job. */

import { el } from "../dom.js";
import { choice } from "../form.js";
import { capitalised, fullMoment, moment, span } from "../format.js";
import { icon } from "../icons.js";
import { PRIORITIES, explain } from "../messages.js";
import { change } from "./job_actions.js";

/** @import { Access, App, Job } from "../types.js" */

/**
 * Back to the list.
 * @param {Access} [access] to what is shown: what others share is in a list of its own
 */
export function backLink(access = "own") {
  return access === "own"
    ? el("a", { href: "#/", class: "back-link" }, icon("back"), "All transcripts")
    : el("a", { href: "#/shared", class: "back-link" }, icon("back"), "Shared with you");
}

/** @param {Job["state"]} state */
export function waitingText(state) {
  if (state === "queued") return "The text appears here as soon as it is this recording's turn.";
  return "Listening… The lines appear here as they are understood.";
}

/**
 * @param {App} app
 * @param {Job} job
 */
export function demoNotice(app, job) {
  const demo = app.catalogue.models.find(({ name }) => name === job.model)?.demo ?? false;
  if (!demo) return null;
  return el(
    "p",
    { class: "notice notice-warn demo-notice" },
    icon("info"),
    el("span", null, el("strong", null, "This is the demonstration model."),
      " It has never heard a human voice, so do not judge Stenobox by this text. Real recordings need a real model."),
  );
}

/**
 * @param {App} app
 * @param {Job} job
 */
export function priorityChoice(app, job) {
  const options = PRIORITIES.map(({ id, label }) => ({ value: id, label }));
  const onchange = async (/** @type {string} */ value) => {
    try {
      await change(app, app.api.setPriority(job.id, value));
    } catch (error) {
      app.notify(explain(error));
    }
  };
  return choice({ label: "Turn in the queue", options, value: job.priority, onchange });
}

/**
 * What is known of a job, by name.
 * @param {App} app
 * @param {Job} job
 * @param {{language: string | null, version: number}} text the language that was heard, and the version that is shown
 */
export function jobFacts(app, job, { language: heard, version }) {
  const code = job.language ?? heard;
  const language = app.catalogue.languages.find((entry) => entry.code === code)?.name ?? code;
  return facts([
    ["From", job.owner === app.user.name ? null : job.owner],
    ["Length", typeof job.duration === "number" ? span(job.duration) : null],
    ["Language", language ? capitalised(language) + (job.language ? "" : " (detected)") : null],
    ["Model", job.model],
    ["Text", version > 1 ? `version ${version}, corrected` : null],
    ["Sent", el("time", { datetime: job.created_at, title: fullMoment(job.created_at) }, moment(job.created_at))],
  ]);
}

/**
 * Entries of a list of facts; those without a value are left out.
 * @param {[string, Node | string | null][]} entries
 */
export function facts(entries) {
  return entries.filter(([, value]) => value).map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value)));
}
