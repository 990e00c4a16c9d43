/**
 * Correcting a transcript in place: each line can be written in; an emptied line goes. Ctrl+S saves, Escape gives up.
 * What was not saved is kept as a draft while the person is signed in, also when they look at something else.
 * Events: `taken` (a double click began it), `saved` (detail: Transcript), `closed`.
 */

import { confirmDialog } from "../dialog.js";
import { el, fill, setText, show } from "../dom.js";
import { plural } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { mayCorrect } from "../sharing.js";

/** @import { App, Line, Transcript } from "../types.js" */
/** @import { TranscriptView } from "./transcript.js" */

/** @typedef {{version: number, texts: string[]}} Draft the version that was corrected, and the text of each of its lines */

export class Editor extends EventTarget {
  /**
   * @param {App} app
   * @param {string} jobId
   * @param {TranscriptView} view
   */
  constructor(app, jobId, view) {
    super();
    this.app = app;
    this.jobId = jobId;
    this.view = view;
    this.open = false;
    this.busy = false;
    /** @type {Transcript | null} */
    this.transcript = null;
    this.undo = new AbortController();
    this.button = el(
      "button", { type: "button", class: "button button-small toggle", "aria-pressed": "false", hidden: true, onclick: () => this.toggle() },
      icon("pencil"), "Edit",
    );
    this.state = el("p", { class: "editor-state", role: "status" });
    this.save = el("button", { type: "button", class: "button button-small button-primary", "aria-keyshortcuts": "Control+S", onclick: () => this.store() }, "Save");
    this.cancel = el("button", { type: "button", class: "button button-small", "aria-keyshortcuts": "Escape", onclick: () => this.giveUp() }, "Cancel");
    this.problem = el("div", { class: "notice notice-bad", role: "alert", hidden: true });
    this.node = el(
      "div",
      { class: "editor", role: "group", "aria-label": "Correct the transcript", hidden: true },
      el("div", { class: "editor-bar" }, this.state, this.save, this.cancel),
      this.problem,
    );
    const { signal } = this.undo;
    view.list.addEventListener("dblclick", (event) => this.doubleClicked(event), { signal });
    view.list.addEventListener("input", () => this.changed(), { signal });
    view.list.addEventListener("keydown", (event) => this.lineKey(event), { signal });
    document.addEventListener("keydown", (event) => this.pageKey(event), { signal });
    window.addEventListener("beforeunload", (event) => {
      if (this.open && this.dirty) event.preventDefault();
    }, { signal });
  }

  destroy() {
    this.keepDraft();
    this.undo.abort();
  }

  get may() {
    const allowed = mayCorrect(this.app.user, this.app.store.jobs.get(this.jobId));
    return allowed && this.transcript !== null && this.transcript.segments.length > 0;
  }

  /** What may be done with the job may have changed. */
  paintButton() {
    show(this.button, this.may || this.open);
  }

  /** @param {Transcript} transcript what is shown now */
  show(transcript) {
    this.transcript = transcript;
    this.paintButton();
    const draft = this.app.drafts.get(this.jobId);
    if (draft?.version === transcript.version && draft.texts.length === transcript.segments.length) {
      this.begin();
      draft.texts.forEach((text, index) => setText(this.view.lines[index].text, text));
      this.changed();
      this.app.notify("Your changes were not saved yet. They are still here.");
    }
  }

  toggle() {
    if (this.open) this.giveUp();
    else this.begin(this.view.lines[this.view.active]?.text);
  }

  /** @param {HTMLElement} [line] where to write first */
  begin(line) {
    if (!this.may || this.open) return;
    this.open = true;
    this.view.follow(false);
    this.view.edit(true);
    this.paint();
    this.changed();
    line?.focus();
  }

  /** @param {MouseEvent} event */
  doubleClicked(event) {
    const line = /** @type {Element} */ (event.target).closest(".segment-text");
    if (!(line instanceof HTMLElement) || this.open || !this.may) return;
    this.begin(line);
    this.dispatchEvent(new CustomEvent("taken"));
  }

  get dirty() {
    return this.changes > 0;
  }

  /** How many lines are not as they were. */
  get changes() {
    const before = this.transcript?.segments ?? [];
    return this.view.written().filter(({ text }, index) => text !== before[index]?.text.replace(/\s+/gu, " ").trim()).length;
  }

  changed() {
    const { changes } = this;
    setText(this.state, changes > 0 ? `${plural(changes, "line", "lines")} changed, not saved.` : "Write in the lines. An emptied line is removed.");
  }

  /** @param {KeyboardEvent} event */
  lineKey(event) {
    if (!this.open || event.key !== "Enter" || event.isComposing) return;
    const index = this.view.lines.findIndex(({ text }) => text === event.target);
    if (index < 0) return;
    // A line of a transcript has no line breaks: Enter goes on to the next one.
    event.preventDefault();
    this.view.lines[index + (event.shiftKey ? -1 : 1)]?.text.focus();
  }

  /** @param {KeyboardEvent} event */
  pageKey(event) {
    if (!this.open || event.isComposing || document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      this.store();
    } else if (event.key === "Escape" && !event.defaultPrevented) {
      event.preventDefault();
      this.giveUp();
    }
  }

  async store() {
    if (!this.transcript || this.busy) return;
    if (!this.dirty) {
      this.close();
      return;
    }
    const lines = this.view.written().filter(({ text }) => text !== "");
    this.busy = true;
    this.save.setAttribute("aria-busy", "true");
    show(this.problem, false);
    try {
      const saved = await this.app.texts.correct(this.jobId, lines, this.transcript.version);
      this.close();
      this.app.notify("Saved as a new version.", "good");
      this.dispatchEvent(new CustomEvent("saved", { detail: saved }));
    } catch (error) {
      this.refused(error);
    } finally {
      this.busy = false;
      this.save.removeAttribute("aria-busy");
    }
  }

  /** @param {unknown} error */
  refused(error) {
    const theirs = /** @type {any} */ (error).code === "changed_meanwhile";
    fill(
      this.problem, icon("warning"),
      el("span", null, theirs
        ? "Somebody else saved another version meanwhile, so yours was not saved. Copy what you wrote if you need it, then open the newer version."
        : explain(error)),
      theirs ? el("button", { type: "button", class: "button button-small", onclick: () => this.close() }, "Open the newer version") : null,
    );
    show(this.problem, true);
  }

  async giveUp() {
    if (this.dirty) {
      const sure = await confirmDialog({
        title: "Give up your changes?", text: `${plural(this.changes, "line", "lines")} changed and not saved.`, yes: "Give up", no: "Go on writing",
      });
      if (!sure) return;
    }
    this.close();
  }

  close() {
    if (!this.open) return;
    this.open = false;
    this.app.drafts.delete(this.jobId);
    this.view.edit(false);
    // What was typed may differ from what the line is known to say.
    this.view.lines.forEach(({ segment, text }) => setText(text, segment.text.trim()));
    this.paint();
    this.button.focus();
    this.dispatchEvent(new CustomEvent("closed"));
  }

  keepDraft() {
    if (!this.open || !this.transcript) return;
    if (this.dirty) {
      this.app.drafts.set(this.jobId, { version: this.transcript.version, texts: this.view.written().map(({ text }) => text) });
    } else this.app.drafts.delete(this.jobId);
  }

  paint() {
    show(this.node, this.open);
    show(this.problem, false);
    this.button.setAttribute("aria-pressed", String(this.open));
  }
}
