/** What a link opens: one recording, or a list of them. For people who need no account; nothing here asks for one. */

import { el, fill, setText, show } from "../dom.js";
import { capitalised, fullMoment, moment, plural, span } from "../format.js";
import { choice } from "../form.js";
import { icon, logo } from "../icons.js";
import { explain } from "../messages.js";
import { Player } from "../player.js";
import { Link } from "../sharing.js";
import { facts } from "./job_parts.js";
import { TranscriptTools } from "./transcript_tools.js";
import { TranscriptView } from "./transcript.js";

/** @import { Api } from "../api.js" */
/** @import { App, Linked, LinkedJob, LinkedRecording, View } from "../types.js" */

const WAVE_POINTS = 600;

const languages = new Intl.DisplayNames("en", { type: "language" });

/**
 * @param {{api: Api, notify: App["notify"]}} page
 * @param {{token: string, recording: string | null}} where `recording`: the one to show of several
 * @returns {View & {destroy: () => void}}
 */
export function linkedView({ api, notify }, { token, recording }) {
  const link = new Link(api, token);
  const page = el("div", { class: "page job-page" }, el("h1", { tabindex: -1, class: "loading" }, "Opening…"));
  const undo = new AbortController();
  /** @type {LinkedRecordingPage | null} */
  let shown = null;
  /** @param {Linked} linked */
  const content = (linked) => {
    const wanted = linked.recordings.find(({ id }) => id === recording) ?? (linked.folder ? null : linked.recordings[0]);
    if (!wanted) return [heading(linked.title), terms(linked), listOf(link, linked)];
    shown = new LinkedRecordingPage(link, wanted, notify);
    return [linked.folder ? el("a", { href: link.hash, class: "back-link" }, icon("back"), linked.title) : null, heading(wanted.title), terms(linked), ...shown.nodes];
  };
  const open = async () => {
    /** @type {(Node | null)[]} */
    let nodes;
    try {
      const linked = await link.open();
      if (undo.signal.aborted) return;
      nodes = content(linked);
    } catch (error) {
      if (undo.signal.aborted) return;
      nodes = refusal(error);
    }
    const hadFocus = page.contains(document.activeElement);
    fill(page, nodes);
    const title = page.querySelector("h1");
    document.title = `${title?.textContent} – Stenobox`;
    if (hadFocus) title?.focus({ preventScroll: true });
  };
  open();
  return {
    node: page,
    title: "Shared",
    destroy() {
      undo.abort();
      shown?.destroy();
    },
  };
}

/**
 * The frame around it where nobody is signed in.
 * @param {View} view
 */
export function linkedFrame(view) {
  return el(
    "div",
    { class: "shell" },
    el("header", { class: "header" }, el("div", { class: "header-inner" },
      el("span", { class: "brand" }, logo(), el("span", { class: "brand-name" }, "Stenobox")),
      el("div", { class: "account" }, el("a", { href: "#/", class: "account-name" }, "Sign in")))),
    el("main", { id: "main", tabindex: -1 }, view.node),
  );
}

/** @param {string} title */
function heading(title) {
  return el("h1", { tabindex: -1, class: "page-title linked-title" }, title);
}

/** From whom it is, and until when. @param {Linked} linked */
function terms({ owner, expires_at: end }) {
  return el("p", { class: "lead" }, "Shared by ", el("strong", null, owner),
    ". The link works until ", el("time", { datetime: end, title: fullMoment(end) }, moment(end)), ".");
}

/** @param {unknown} error */
function refusal(error) {
  if (/** @type {any} */ (error).status === 404) {
    return [heading("This link does not work"),
      el("p", null, "It has expired, it was taken back, or a part of it is missing. Ask the person who sent it to you for a new one.")];
  }
  return [heading("This cannot be shown"), el("p", null, explain(error)),
    el("p", null, el("button", { type: "button", class: "button", onclick: () => location.reload() }, "Try again"))];
}

/** @param {Link} link @param {Linked} linked */
function listOf(link, { recordings, more }) {
  if (recordings.length === 0) {
    return el("div", { class: "empty" }, icon("wave"), el("p", null, el("strong", null, "Nothing is here yet.")),
      el("p", null, "What is added will appear under this link."));
  }
  return el(
    "div",
    { class: "job-list" },
    el("ul", { class: "jobs", "aria-label": "Recordings" }, recordings.map((recording) => el(
      "li",
      { class: "job", dataset: { recording: recording.id } },
      el("span", { class: "job-mark" }, icon("wave")),
      el("div", { class: "job-body" },
        el("h2", { class: "job-name" }, el("a", { href: `${link.hash}?${new URLSearchParams({ recording: recording.id })}` }, recording.title)),
        el("p", { class: "job-meta" }, metaParts(recording))),
    ))),
    more ? el("p", { class: "muted" }, `These are the newest ${recordings.length}. There are others that are not shown.`) : null,
  );
}

/** @param {LinkedRecording} recording */
function metaParts({ duration, created_at: sent, jobs }) {
  return [
    typeof duration === "number" ? el("span", null, span(duration)) : null,
    el("span", null, jobs.length > 0 ? plural(jobs.length, "transcript", "transcripts") : "no transcript yet"),
    el("time", { datetime: sent, title: fullMoment(sent) }, moment(sent)),
  ];
}

/** @param {string} code */
function languageName(code) {
  try {
    return capitalised(languages.of(code) ?? code);
  } catch {
    return code;
  }
}

class LinkedRecordingPage {
  /**
   * @param {Link} link
   * @param {LinkedRecording} recording
   * @param {App["notify"]} notify
   */
  constructor(link, recording, notify) {
    this.link = link;
    this.recording = recording;
    this.notify = notify;
    this.undo = new AbortController();
    this.facts = el("dl", { class: "facts" });
    this.problem = el("p", { class: "notice notice-bad", role: "alert", hidden: true });
    this.text = el("div", { class: "job-layout" });
    this.player = new Player(recording.has_audio ? link.audio(recording.id) : "", recording.duration);
    /** The lines that follow the player. @type {TranscriptView | null} */
    this.lines = null;
    this.player.addEventListener("position", (event) => {
      const position = /** @type {CustomEvent} */ (event).detail;
      // Before anybody pressed play, no line is the current one.
      if (position > 0 || this.player.playing) this.lines?.setPosition(position, this.player.playing);
    });
    const jobs = recording.jobs.toReversed();
    const which = jobs.length > 1 ? choice({
      label: "Transcript",
      options: jobs.map((job) => ({ value: job.id, label: nameOf(job) })),
      onchange: (id) => this.show(jobs.find((job) => job.id === id)),
    }).node : null;
    this.nodes = [
      this.facts, which, this.problem,
      recording.has_audio ? null : el("p", { class: "notice notice-warn" }, icon("info"), el("span", null, "The audio is not there any more. The text stays.")),
      this.text,
      recording.has_audio ? this.player.node : null,
    ];
    this.show(jobs[0]);
    this.shape();
  }

  destroy() {
    this.undo.abort();
    this.player.destroy();
  }

  /** @param {LinkedJob | undefined} job */
  async show(job) {
    this.paintFacts(job ?? null);
    show(this.problem, false);
    if (!job) {
      fill(this.text, el("p", { class: "empty" }, "There is no transcript of this recording yet."));
      return;
    }
    const lines = new TranscriptView();
    const tools = new TranscriptTools(lines, { notify: this.notify, file: (format) => this.link.file(job.id, format) });
    lines.addEventListener("play", (event) => this.player.playFrom(/** @type {CustomEvent} */ (event).detail));
    this.lines = lines;
    fill(this.text, tools.node, lines.node);
    try {
      const transcript = await this.link.transcript(job.id, this.undo.signal);
      // A screen reader needs it to say the words in the right language.
      lines.list.lang = transcript.language;
      lines.setSegments(transcript.segments, "No speech was heard in this recording.");
      tools.update({ lines: transcript.segments.length > 0, done: true });
    } catch (error) {
      if (this.undo.signal.aborted || this.lines !== lines) return;
      setText(this.problem, explain(error));
      show(this.problem, true);
    }
  }

  /** The shape of the sound behind the slider. */
  async shape() {
    if (!this.recording.has_audio) return;
    try {
      this.player.showWaveform(await this.link.peaks(this.recording.id, WAVE_POINTS, this.undo.signal));
    } catch {
      // The slider does without.
    }
  }

  /** @param {LinkedJob | null} job */
  paintFacts(job) {
    const { duration, recorded, created_at: sent } = this.recording;
    fill(this.facts, facts([
      ["Length", typeof duration === "number" ? span(duration) : null],
      ["Language", job && languageName(job.language)],
      ["Recorded", recorded?.includes("T") ? moment(recorded) : recorded],
      ["Sent", el("time", { datetime: sent, title: fullMoment(sent) }, moment(sent))],
    ]));
  }
}

/** @param {LinkedJob} job */
function nameOf({ language, channels, finished_at: finished }) {
  return [languageName(language), channels === "split" ? "each channel by itself" : null, moment(finished)].filter(Boolean).join(", ");
}
