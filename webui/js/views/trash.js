/** The trash: what was deleted, until it goes for good. */

import { confirmDialog } from "../dialog.js";
import { el, fill, show } from "../dom.js";
import { fullMoment, moment, plural, span } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { restoreJob } from "./job_actions.js";
import { backLink } from "./job_parts.js";
import { space } from "./space.js";

/** @import { App, Job, View } from "../types.js" */

/**
 * @param {App} app
 * @returns {View}
 */
export function trashView(app) {
  const undo = new AbortController();
  const lead = el("p", { class: "lead" }, "What you delete waits here, in case you want it back.");
  const list = el("div", { class: "job-list" });
  const kept = space(app);
  const heading = el("h1", { tabindex: -1, class: "page-title" }, "Trash");
  /** What is shown. @type {Set<string>} */
  let ids = new Set();
  const load = async () => {
    try {
      const [{ jobs, next }, { trash_days: days }] = await Promise.all([app.api.jobs({ trashed: true, limit: 200 }), app.api.me()]);
      if (undo.signal.aborted) return;
      kept.load();
      const hadFocus = list.contains(document.activeElement);
      lead.textContent = `What you delete waits here for ${plural(days, "day", "days")}, in case you want it back. Then it goes for good.`;
      ids = new Set(jobs.map(({ id }) => id));
      fill(list, jobs.length > 0 ? el("ul", { class: "jobs", "aria-label": "Deleted" }, jobs.map((job) => row(app, job, days, load))) : nothing(),
        next ? el("p", { class: "muted" }, "There is more than is shown here.") : null);
      // The row with the button that was pressed has gone.
      if (hadFocus) heading.focus();
    } catch (error) {
      if (undo.signal.aborted) return;
      fill(list, el("p", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
  };
  // Somebody may delete or restore in another window.
  const { signal } = undo;
  for (const name of ["deleted", "reload"]) app.store.addEventListener(name, load, { signal });
  app.store.addEventListener("job", (event) => {
    if (ids.has(/** @type {CustomEvent} */ (event).detail.id)) load();
  }, { signal });
  load();
  return {
    node: el("div", { class: "page" }, el("header", { class: "job-header" }, backLink(), heading, lead, kept.node), list),
    title: "Trash",
    destroy: () => undo.abort(),
  };
}

function nothing() {
  return el("div", { class: "empty" }, icon("trash"), el("p", null, el("strong", null, "The trash is empty.")));
}

/**
 * @param {App} app
 * @param {Job} job
 * @param {number} days
 * @param {() => Promise<void>} reload
 */
function row(app, job, days, reload) {
  const trashed = job.trashed_at ?? job.created_at;
  const end = new Date(new Date(trashed).getTime() + days * 86_400_000).toISOString();
  const restore = async () => {
    await restoreJob(app, job);
    await reload();
  };
  const erase = async () => {
    const sure = await confirmDialog({
      title: "Delete this for good?",
      text: `“${job.title}” and its transcript will be removed from the box. This cannot be undone.`,
      yes: "Delete for good",
    });
    if (!sure) return;
    try {
      await app.api.eraseJob(job.id);
      app.notify("Deleted for good.", "good");
    } catch (error) {
      app.notify(explain(error));
    }
    await reload();
  };
  const buttons = el(
    "div",
    { class: "actions trash-actions" },
    el("button", { type: "button", class: "button button-small", onclick: restore }, icon("retry"), "Restore", named(job)),
    el("button", { type: "button", class: "button button-small", onclick: erase }, icon("trash"), "Delete for good", named(job)),
  );
  show(buttons, app.user.role !== "viewer");
  return el(
    "li",
    { class: "job", dataset: { job: job.id } },
    el("span", { class: "job-mark" }, icon("trash")),
    el(
      "div",
      { class: "job-body" },
      el("h3", { class: "job-name" }, job.title),
      el(
        "p",
        { class: "job-meta" },
        typeof job.duration === "number" ? el("span", null, span(job.duration)) : null,
        el("span", null, "deleted ", el("time", { datetime: trashed, title: fullMoment(trashed) }, moment(trashed))),
        el("span", null, "goes for good ", el("time", { datetime: end, title: fullMoment(end) }, moment(end))),
      ),
    ),
    el("div", { class: "job-side" }, buttons),
  );
}

/** @param {Job} job */
function named(job) {
  return el("span", { class: "visually-hidden" }, `: ${job.title}`);
}
