/** Choosing several jobs of the list, and what can be done with them together. */

import { el, setText, show } from "../dom.js";
import { deleteJobs } from "../exports.js";
import { plural } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { change } from "./job_actions.js";
import { exportDialog } from "./export_dialog.js";

/** @import { App, Job } from "../types.js" */
/** @import { JobRow } from "./job_row.js" */

export class Selection {
  /**
   * @param {App} app
   * @param {Map<string, JobRow>} rows those of the list
   * @param {HTMLElement} list
   * @param {boolean} own whether they may be deleted
   */
  constructor(app, rows, list, own) {
    this.app = app;
    this.rows = rows;
    this.list = list;
    this.toggle = el(
      "button",
      { type: "button", class: "button button-small toggle", "aria-pressed": "false", hidden: true, onclick: () => this.choose(!this.choosing) },
      icon("check"), "Select",
    );
    this.count = el("p", { class: "selection-count", role: "status" });
    this.all = el("button", { type: "button", class: "button button-small", onclick: () => this.chooseAll() }, "All");
    this.download = el("button", { type: "button", class: "button button-small", "aria-haspopup": "dialog", onclick: () => this.export() }, icon("download"), "Download…");
    this.trash = el("button", { type: "button", class: "button button-small", onclick: () => this.delete() }, icon("trash"), "Delete");
    this.bar = el(
      "div",
      { class: "selection-bar", role: "group", "aria-label": "What to do with the selected jobs", hidden: true },
      el("button", { type: "button", class: "icon-button", "aria-label": "Stop selecting", onclick: () => this.choose(false) }, icon("close")),
      this.count, this.all, this.download, this.trash,
    );
    show(this.trash, own && app.user.role !== "viewer");
    list.addEventListener("change", () => this.paint());
    for (const part of [list, this.bar]) {
      part.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && this.choosing) this.choose(false);
      });
    }
  }

  get choosing() {
    return !this.bar.hidden;
  }

  /** The chosen jobs, as the list shows them. @returns {Job[]} */
  get chosen() {
    return [...this.rows.values()].filter((row) => row.pick.checked).map((row) => row.job);
  }

  /** @param {boolean} choosing */
  choose(choosing) {
    show(this.bar, choosing);
    this.list.classList.toggle("selecting", choosing);
    this.toggle.setAttribute("aria-pressed", String(choosing));
    if (!choosing) {
      this.tick(false);
      this.toggle.focus();
    }
    this.paint();
  }

  chooseAll() {
    this.tick(this.chosen.length < this.rows.size);
    this.paint();
  }

  /** @param {boolean} checked */
  tick(checked) {
    for (const row of this.rows.values()) row.pick.checked = checked;
  }

  /** Brings the words and buttons up to date: after a tick, and when rows came, went or changed. */
  paint() {
    show(this.toggle, this.rows.size > 0 || this.choosing);
    if (!this.choosing) return;
    const { chosen } = this;
    setText(this.count, chosen.length > 0 ? plural(chosen.length, "selected", "selected") : "Nothing is selected");
    setText(this.all, chosen.length > 0 && chosen.length === this.rows.size ? "None" : "All");
    this.download.disabled = !chosen.some(({ state }) => state === "done");
    this.trash.disabled = chosen.length === 0;
  }

  export() {
    const done = this.chosen.filter(({ state }) => state === "done");
    const others = this.chosen.length - done.length;
    if (others > 0) this.app.notify(`${plural(others, "job has", "jobs have")} no transcript and will not be in the download.`, "good");
    exportDialog(this.app, done, done.length === 1 ? `Download “${done[0].title}”` : `Download ${done.length} transcripts`);
  }

  async delete() {
    const jobs = this.chosen;
    if (this.trash.getAttribute("aria-busy")) return;
    this.trash.setAttribute("aria-busy", "true");
    try {
      const { deleted, problems } = await deleteJobs(this.app.api, jobs.map(({ id }) => id));
      for (const id of deleted) this.app.store.remove(id);
      if (deleted.length > 0) {
        this.app.notify(`${plural(deleted.length, "job is", "jobs are")} in the trash now.`, "good", { label: "Undo", run: () => this.restore(deleted) });
      }
      if (problems.length > 0) this.app.notify(`${plural(problems.length, "job stays", "jobs stay")} here: ${problems[0].detail}`);
      this.choose(false);
    } catch (error) {
      this.app.notify(explain(error));
    } finally {
      this.trash.removeAttribute("aria-busy");
    }
  }

  /** @param {string[]} ids */
  async restore(ids) {
    try {
      for (const id of ids) await change(this.app, this.app.api.restoreJob(id));
      this.app.notify(`${plural(ids.length, "job is", "jobs are")} back.`, "good");
    } catch (error) {
      this.app.notify(explain(error));
    }
  }
}
