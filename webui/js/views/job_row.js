/** One job in the list. */

import { el, fill, setText, show } from "../dom.js";
import { fullMoment, moment, percent, roughly, span } from "../format.js";
import { icon } from "../icons.js";
import { STATES, explainJob } from "../messages.js";
import { actionButtons } from "./job_actions.js";
import { tagLink } from "./tags.js";

/** @import { App, Job } from "../types.js" */

export class JobRow {
  /**
   * @param {App} app
   * @param {Job} job
   */
  constructor(app, job) {
    this.app = app;
    this.job = job;
    this.mark = el("span", { class: "job-mark" });
    /** Shown while several jobs are selected. */
    this.pick = el("input", { type: "checkbox" });
    this.pickName = el("span", { class: "visually-hidden" });
    /** The tags that are shown, as one text. */
    this.tagged = "";
    this.link = el("a", { href: `#/jobs/${encodeURIComponent(job.id)}` }, job.title);
    this.meta = el("p", { class: "job-meta" });
    this.tags = el("p", { class: "tags", hidden: true });
    this.badge = el("span", { class: "badge" });
    this.bar = el("progress", { class: "bar", max: 1, value: 0, "aria-label": `Transcription of ${job.title}` });
    this.left = el("span", { class: "job-left" });
    this.progress = el("div", { class: "job-progress", hidden: true }, this.bar, this.left);
    this.problem = el("p", { class: "job-problem", hidden: true });
    this.actions = actionButtons(app, job, { compact: true });
    this.node = el(
      "li",
      { class: "job", dataset: { job: job.id } },
      this.mark,
      el("label", { class: "job-pick" }, this.pick, this.pickName),
      el(
        "div",
        { class: "job-body" },
        el("h3", { class: "job-name" }, this.link),
        this.meta,
        this.tags,
        this.progress,
        this.problem,
      ),
      el("div", { class: "job-side" }, this.badge, this.actions.node),
    );
    this.update(job);
  }

  /** @param {Job} job */
  update(job) {
    this.job = job;
    const state = STATES[job.state];
    if (this.node.dataset.state !== job.state) {
      this.node.dataset.state = job.state;
      this.badge.dataset.state = job.state;
      setText(this.badge, state.label);
      fill(this.mark, icon(state.icon));
    }
    setText(this.link, job.title);
    setText(this.pickName, `Select ${job.title}`);
    fill(this.meta, metaParts(this.app, job));
    // Progress comes several times a second: a link that has the focus must not be made anew.
    if (this.tagged !== job.tags.join("\n")) {
      this.tagged = job.tags.join("\n");
      fill(this.tags, job.tags.map((tag) => tagLink(tag, job.access)));
      show(this.tags, job.tags.length > 0);
    }
    this.actions.update(job);
    const problem = explainJob(job);
    setText(this.problem, problem);
    show(this.problem, problem !== "");
    this.tick();
  }

  /** Brings the estimate up to date. */
  tick() {
    const { job } = this;
    show(this.progress, job.state === "running");
    if (job.state !== "running") return;
    this.bar.value = job.progress;
    setText(this.left, progressText(this.app, job));
  }
}

/**
 * How far a running job is, in words.
 * @param {App} app
 * @param {Job} job
 */
export function progressText(app, job) {
  if (job.progress <= 0) return "Starting…";
  const left = app.store.remaining(job);
  return left === null ? percent(job.progress) : `${percent(job.progress)}, ${roughly(left)} left`;
}

/**
 * Owner, length, language, model and time of a job, as parts of a line.
 * @param {App} app
 * @param {Job} job
 */
function metaParts(app, job) {
  const parts = [];
  if (job.owner !== app.user.name) parts.push(el("span", { class: "job-owner" }, `from ${job.owner}`));
  if (job.duration !== null && job.duration !== undefined) parts.push(el("span", null, span(job.duration)));
  const language = app.catalogue.languages.find(({ code }) => code === job.language);
  if (language) parts.push(el("span", { class: "capitalised" }, language.name));
  parts.push(el("span", null, app.catalogue.models.find(({ name }) => name === job.model)?.demo ? "demonstration model" : job.model));
  if (job.audio_removed_at) parts.push(el("span", null, "audio removed"));
  parts.push(el("time", { datetime: job.created_at, title: fullMoment(job.created_at) }, moment(job.created_at)));
  return parts;
}
