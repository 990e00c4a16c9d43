/** One job: its state, its player, and its transcript, which appears line by line while the job runs. */

import { audioUrl, transcriptUrl } from "../api.js";
import { el, fill, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { STATES, explain, explainJob } from "../messages.js";
import { Player } from "../player.js";
import { mayChange } from "../sharing.js";
import { Details } from "./details.js";
import { Editor } from "./editor.js";
import { exportDialog } from "./export_dialog.js";
import { actionButtons } from "./job_actions.js";
import { backLink, demoNotice, jobFacts, priorityChoice, waitingText } from "./job_parts.js";
import { progressText } from "./job_row.js";
import { shareButton } from "./share_dialog.js";
import { TranscriptTools } from "./transcript_tools.js";
import { TranscriptView } from "./transcript.js";
import { VersionsPanel } from "./versions.js";

/** @import { App, Job, Transcript, View } from "../types.js" */

const WAVE_POINTS = 600;

/**
 * @param {App} app
 * @param {string} id
 * @param {string | null} at seconds from the beginning, where to look first
 * @returns {View}
 */
export function jobView(app, id, at) {
  const page = el("div", { class: "page job-page" });
  const undo = new AbortController();
  /** @type {JobPage | null} */
  let shown = null;
  const open = async () => {
    const mark = app.store.mark();
    try {
      app.store.merge([await app.api.job(id)], mark);
      const job = app.store.jobs.get(id);
      if (undo.signal.aborted || !job) return;
      // The box does not keep its events: who comes in the middle asks for what was heard before.
      if (job.state === "running") app.store.addLines(id, (await app.api.heard(id)).segments);
      if (undo.signal.aborted) return;
      if (shown) {
        shown.update(job);
        return;
      }
      const hadFocus = page.contains(document.activeElement);
      shown = new JobPage(app, job, Number.parseFloat(at ?? ""));
      fill(page, shown.node);
      document.title = `${job.title} – Stenobox`;
      if (hadFocus) page.querySelector("h1")?.focus({ preventScroll: true });
    } catch (error) {
      const gone = /** @type {any} */ (error).status === 404;
      if (undo.signal.aborted || (shown && !gone)) return;
      // Who shared it has taken it back.
      shown?.destroy();
      shown = null;
      fill(page, backLink(), el("h1", { tabindex: -1 }, gone ? "Not here" : "This cannot be shown"),
        el("p", null, gone ? "There is no such transcript, or it was deleted." : explain(error)));
    }
  };
  const { signal } = undo;
  app.store.addEventListener("reload", open, { signal });
  app.store.addEventListener("job", (event) => {
    const job = /** @type {CustomEvent} */ (event).detail;
    if (job.id === id) shown?.update(job);
  }, { signal });
  app.store.addEventListener("segments", (event) => {
    const { jobId } = /** @type {CustomEvent} */ (event).detail;
    if (jobId === id) shown?.showLive();
  }, { signal });
  app.store.addEventListener("transcript", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.job_id === id) shown?.corrected();
  }, { signal });
  app.store.addEventListener("deleted", (event) => {
    if (/** @type {CustomEvent} */ (event).detail === id) app.navigate("#/");
  }, { signal });
  fill(page, backLink(), el("h1", { tabindex: -1, class: "loading" }, "Opening…"));
  open();
  return {
    node: page,
    title: "Transcript",
    destroy() {
      undo.abort();
      shown?.destroy();
    },
  };
}

class JobPage {
  /**
   * @param {App} app
   * @param {Job} job
   * @param {number} at seconds where to look first; NaN is nowhere
   */
  constructor(app, job, at) {
    this.app = app;
    this.job = job;
    this.at = at;
    /** The attempt whose final text is shown. @type {string | null} */
    this.loaded = null;
    /** @type {string | null} */
    this.heardLanguage = null;
    /** Of the text that is shown; 0 while there is none. */
    this.version = 0;
    /** The last quarter of the way that was announced. */
    this.quarter = Math.floor(job.progress * 4);
    this.undo = new AbortController();
    this.badge = el("span", { class: "badge" });
    this.facts = el("dl", { class: "facts" });
    this.bar = el("progress", { class: "bar", max: 1, value: 0, "aria-label": "Transcription" });
    this.left = el("p", { class: "job-left" });
    this.progress = el("div", { class: "job-progress", hidden: true }, this.bar, this.left);
    this.notice = el("div", { class: "notice notice-bad", hidden: true });
    this.demo = demoNotice(app, job);
    this.actions = actionButtons(app, job, { compact: false });
    this.priority = priorityChoice(app, job);
    this.details = new Details(app, job);
    this.share = shareButton(app, job);
    this.heading = el("h1", { tabindex: -1 }, job.title);
    this.noAudio = el("p", { class: "notice notice-warn", hidden: true }, icon("info"),
      el("span", null, "The audio was kept for as long as was agreed and then removed. The text stays."));
    this.player = new Player(job.audio_removed_at ? "" : audioUrl(job.recording_id), job.duration);
    /** Whether the shape of the sound was asked for. */
    this.shaped = false;
    this.transcript = new TranscriptView();
    this.editor = new Editor(app, job.id, this.transcript, this.player);
    this.versions = new VersionsPanel(app, job.id);
    this.tools = new TranscriptTools(this.transcript, {
      notify: app.notify,
      file: (format) => transcriptUrl(job.id, format),
      ask: () => exportDialog(app, [this.job], "Download the transcript"),
      more: [this.editor.button, this.versions.button],
    });
    this.editor.addEventListener("saved", (event) => this.take(/** @type {CustomEvent} */ (event).detail));
    // The first of the two clicks began to play.
    this.editor.addEventListener("taken", () => this.player.audio.pause());
    this.editor.addEventListener("closed", () => this.corrected());
    this.versions.addEventListener("restored", (event) => this.take(/** @type {CustomEvent} */ (event).detail));
    this.transcript.addEventListener("play", (event) => this.player.playFrom(/** @type {CustomEvent} */ (event).detail));
    this.player.addEventListener("position", (event) => {
      const position = /** @type {CustomEvent} */ (event).detail;
      // Before anybody pressed play, no line is the current one.
      if (position > 0 || this.player.playing) this.transcript.setPosition(position, this.player.playing);
    });
    this.node = el(
      "div",
      { class: "job-layout" },
      el(
        "header",
        { class: "job-header" },
        backLink(job.access),
        el("div", { class: "job-title" }, this.heading, this.badge, this.actions.node),
        this.facts,
        el("div", { class: "details-line" }, this.details.tags, this.details.edit, this.share),
        this.details.panel,
        this.priority.node,
        this.progress,
        this.notice,
        this.noAudio,
        this.demo,
      ),
      this.tools.node,
      this.versions.node,
      this.editor.node,
      this.transcript.node,
      this.player.node,
    );
    this.ticker = setInterval(() => this.tick(), 1000);
    this.update(job);
  }

  destroy() {
    this.undo.abort();
    clearInterval(this.ticker);
    this.details.destroy();
    this.editor.destroy();
    this.player.destroy();
  }

  /** @param {Job} job */
  update(job) {
    this.job = job;
    setText(this.badge, STATES[job.state].label);
    this.badge.dataset.state = job.state;
    this.actions.update(job);
    if (this.heading.textContent !== job.title) {
      setText(this.heading, job.title);
      document.title = `${job.title} – Stenobox`;
    }
    this.paintAudio();
    const own = mayChange(this.app.user, job);
    show(this.share, own);
    show(this.priority.node, own && job.state === "queued");
    this.editor.paintButton();
    this.priority.select.value = job.priority;
    const problem = explainJob(job);
    fill(this.notice, icon("warning"), el("span", null, problem));
    show(this.notice, problem !== "");
    this.paintFacts();
    this.tick();
    if (job.state === "done") this.loadTranscript();
    else {
      this.loaded = null;
      this.showLive();
    }
  }

  tick() {
    const running = this.job.state === "running";
    show(this.progress, running);
    if (!running) return;
    this.bar.value = this.job.progress;
    setText(this.left, progressText(this.app, this.job));
    const quarter = Math.floor(this.job.progress * 4);
    if (quarter > this.quarter && quarter < 4) this.app.announce(`${quarter * 25}% is transcribed.`);
    this.quarter = quarter;
  }

  showLive() {
    const { state } = this.job;
    if (state === "done") return;
    const segments = this.app.store.liveSegments(this.job.id);
    this.transcript.setSegments(segments, waitingText(state));
    show(this.transcript.node, segments.length > 0 || state === "queued" || state === "running");
    this.tools.update({ lines: segments.length > 0, done: false });
  }

  async loadTranscript() {
    const wanted = `${this.job.attempt} ${this.job.finished_at}`;
    if (this.loaded === wanted) return;
    this.loaded = wanted;
    try {
      const transcript = await this.app.api.transcript(this.job.id, this.undo.signal);
      if (this.loaded !== wanted) return;
      this.take(transcript);
    } catch (error) {
      if (this.undo.signal.aborted) return;
      this.loaded = null;
      fill(this.notice, icon("warning"), el("span", null, explain(error)));
      show(this.notice, true);
    }
  }

  /** @param {Transcript} transcript the current version */
  take(transcript) {
    // Events and answers may overtake each other; and nobody's writing is taken away from under their hands.
    if (transcript.version < this.version || this.editor.open) return;
    this.version = transcript.version;
    this.heardLanguage = transcript.language;
    // A screen reader needs it to say the words in the right language.
    this.transcript.list.lang = transcript.language;
    show(this.transcript.node, true);
    this.transcript.setSegments(transcript.segments, "No speech was heard in this recording.");
    this.tools.update({ lines: transcript.segments.length > 0, done: true });
    this.versions.show(transcript);
    this.paintFacts();
    if (!Number.isNaN(this.at)) {
      this.player.seek(this.at);
      this.transcript.jump(this.at);
      this.at = NaN;
    }
    this.editor.show(transcript);
  }

  /** There may be a newer version. */
  corrected() {
    if (this.editor.open || this.job.state !== "done") return;
    this.loaded = null;
    this.loadTranscript();
  }

  /** The player, unless the audio is gone; the shape of its sound once it is known that it can be read. */
  async paintAudio() {
    const { job } = this;
    show(this.noAudio, job.audio_removed_at !== null);
    show(this.player.node, job.audio_removed_at === null);
    if (this.shaped || job.state !== "done" || job.audio_removed_at) return;
    this.shaped = true;
    try {
      this.player.showWaveform(await this.app.api.peaks(job.recording_id, WAVE_POINTS, this.undo.signal));
    } catch {
      // The slider does without.
    }
  }

  paintFacts() {
    fill(this.facts, jobFacts(this.app, this.job, { language: this.heardLanguage, version: this.version }));
  }
}
