/** What can be done to a job, with the questions and answers that belong to it. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { mayChange } from "../sharing.js";

/** @import { App, Job } from "../types.js" */
/** @import { IconName } from "../icons.js" */

/**
 * @typedef {object} Action
 * @property {string} id
 * @property {string} label
 * @property {IconName} icon
 * @property {(job: Job) => boolean} offered
 * @property {(app: App, job: Job) => Promise<void>} run
 */

/** @type {Action[]} */
const ACTIONS = [
  {
    id: "cancel",
    label: "Cancel",
    icon: "close",
    offered: (job) => job.state === "queued" || job.state === "running",
    run: (app, job) => change(app, app.api.cancelJob(job.id)),
  },
  {
    id: "retry",
    label: "Try again",
    icon: "retry",
    offered: (job) => ["failed", "cancelled", "quarantined"].includes(job.state) && !job.audio_removed_at,
    run: (app, job) => change(app, app.api.retryJob(job.id)),
  },
  {
    id: "delete",
    label: "Delete",
    icon: "trash",
    offered: (job) => job.state !== "running" && job.state !== "queued",
    run: deleteJob,
  },
];

/**
 * Takes in the answer to a change; a live event that came meanwhile knows better.
 * @param {App} app
 * @param {Promise<Job>} answer
 */
export async function change(app, answer) {
  const mark = app.store.mark();
  app.store.merge([await answer], mark);
}

/**
 * @param {App} app
 * @param {Job} job
 */
async function deleteJob(app, job) {
  await app.api.deleteJob(job.id);
  app.store.remove(job.id);
  app.notify(`“${job.title}” is in the trash now.`, "good", { label: "Undo", run: () => restoreJob(app, job) });
}

/**
 * Takes a job out of the trash; returns whether that worked.
 * @param {App} app
 * @param {Job} job
 */
export async function restoreJob(app, job) {
  try {
    await change(app, app.api.restoreJob(job.id));
  } catch (error) {
    app.notify(explain(error));
    return false;
  }
  app.notify(`“${job.title}” is back.`, "good");
  return true;
}

/**
 * The buttons for a job; `update` shows those that fit its state.
 * @param {App} app
 * @param {Job} first
 * @param {{compact: boolean}} style compact buttons show only their icon
 */
export function actionButtons(app, first, { compact }) {
  let job = first;
  const buttons = ACTIONS.map((action) => {
    const button = el(
      "button",
      {
        type: "button",
        class: compact ? "icon-button" : "button button-small",
        title: compact ? action.label : null,
        dataset: { action: action.id },
        onclick: () => perform(app, action, job, button),
      },
      icon(action.icon),
      el("span", { class: compact ? "visually-hidden" : "" }, action.label),
      el("span", { class: "visually-hidden" }, `: ${job.title}`),
    );
    return button;
  });
  const node = el("div", { class: "actions" }, buttons);
  /** @param {Job} next */
  const update = (next) => {
    job = next;
    const focused = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const allowed = mayChange(app.user, job);
    buttons.forEach((button, index) => {
      button.hidden = !allowed || !ACTIONS[index].offered(job);
    });
    // The button that was pressed may just have gone; the focus must not fall back to the top of the page.
    if (focused >= 0 && buttons[focused].hidden) buttons.find((button) => !button.hidden)?.focus();
  };
  update(first);
  return { node, update };
}

/**
 * @param {App} app
 * @param {Action} action
 * @param {Job} job
 * @param {HTMLButtonElement} button
 */
async function perform(app, action, job, button) {
  if (button.getAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  try {
    await action.run(app, job);
  } catch (error) {
    app.notify(explain(error));
  } finally {
    button.removeAttribute("aria-busy");
  }
}
