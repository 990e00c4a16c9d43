/** Small parts of the page of a job. */

import { el } from "../dom.js";
import { choice } from "../form.js";
import { icon } from "../icons.js";
import { PRIORITIES, explain } from "../messages.js";
import { change } from "./job_actions.js";

/** @import { App, Job } from "../types.js" */

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
