/**
 * Correcting a transcript in place: each line can be written in, split, merged and given other times; an emptied line goes.
 * All of it becomes one new version. Ctrl+S saves, Escape gives up.
 * What was not saved is kept as a draft while the person is signed in, also when they look at something else.
 * Events: `taken` (a double click began it), `saved` (detail: Transcript), `closed`.
 */

import { confirmDialog } from "../dialog.js";
import { el, fill, setText, show } from "../dom.js";
import { plural } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { mayCorrect } from "../sharing.js";
import { hintOf, keyList, keysOf } from "./editor_keys.js";
import { LineSteps } from "./line_steps.js";

/** @import { LineHistory } from "../line_history.js" */
/** @import { Player } from "../player.js" */
/** @import { App, Transcript } from "../types.js" */
/** @import { TranscriptView } from "./transcript.js" */

/** @typedef {{version: number, history: LineHistory}} Draft the version that was corrected, and its lines with all steps */

export class Editor extends EventTarget {
  /**
   * @param {App} app
   * @param {string} jobId
   * @param {TranscriptView} view
   * @param {Player} player
   */
  constructor(app, jobId, view, player) {
    super();
    this.app = app;
    this.jobId = jobId;
    this.view = view;
    this.open = false;
    this.busy = false;
    /** @type {Transcript | null} */
    this.transcript = null;
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.steps = new LineSteps(app, view, player, signal);
    this.button = el(
      "button", { type: "button", class: "button button-small toggle", "aria-pressed": "false", hidden: true, onclick: () => this.toggle() },
      icon("pencil"), "Edit",
    );
    this.state = el("p", { class: "editor-state", role: "status" });
    this.save = el("button", { type: "button", class: "button button-small button-primary", "aria-keyshortcuts": "Control+S", onclick: () => this.store() }, "Save");
    this.cancel = el("button", { type: "button", class: "button button-small", "aria-keyshortcuts": "Escape", onclick: () => this.giveUp() }, "Cancel");
    this.undo = this.stepButton("undo", "Undo");
    this.redo = this.stepButton("redo", "Redo");
    this.problem = el("div", { class: "notice notice-bad", role: "alert", hidden: true });
    this.node = el(
      "div",
      { class: "editor", role: "group", "aria-label": "Correct the transcript", hidden: true },
      el("div", { class: "editor-bar" }, this.state, this.undo, this.redo, this.save, this.cancel),
      keyList(),
      this.problem,
    );
    this.steps.addEventListener("changed", () => this.changed());
    this.steps.addEventListener("empty", () => this.undo.focus());
    view.list.addEventListener("dblclick", (event) => this.doubleClicked(event), { signal });
    document.addEventListener("keydown", (event) => this.pageKey(event), { signal });
    window.addEventListener("beforeunload", (event) => {
      if (this.open && this.dirty) event.preventDefault();
    }, { signal });
  }

  destroy() {
    this.keepDraft();
    this.gone.abort();
  }

  /** @param {"undo" | "redo"} act @param {string} label */
  stepButton(act, label) {
    return el(
      "button",
      { type: "button", class: "button button-small", title: hintOf(act), "aria-keyshortcuts": keysOf(act), onclick: () => this.steps.act(act) },
      label,
    );
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
    if (draft?.version === transcript.version) {
      this.begin(undefined, draft.history);
      this.app.notify("Your changes were not saved yet. They are still here.");
    }
  }

  toggle() {
    if (this.open) this.giveUp();
    else this.begin(this.view.lines[this.view.active]?.text);
  }

  /** @param {HTMLElement} [line] where to write first @param {LineHistory} [history] what was done and not saved */
  begin(line, history) {
    if (!this.transcript || !this.may || this.open) return;
    this.open = true;
    this.view.follow(false);
    this.steps.begin(this.transcript, history);
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
    return this.steps.history.changed.size;
  }

  changed() {
    const { changes } = this;
    const { past, future } = this.steps.history;
    setText(this.state, changes > 0 ? `${plural(changes, "line", "lines")} changed, not saved.` : "Write in the lines. An emptied line is removed.");
    // A disabled button would drop the focus of who pressed it.
    this.undo.setAttribute("aria-disabled", String(past.length === 0));
    this.redo.setAttribute("aria-disabled", String(future.length === 0));
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
    if (!this.transcript || this.busy || !this.steps.panel.take()) return;
    if (!this.dirty) {
      this.close();
      return;
    }
    this.busy = true;
    this.save.setAttribute("aria-busy", "true");
    show(this.problem, false);
    try {
      const saved = await this.app.texts.correct(this.jobId, this.steps.history.kept, this.transcript.version);
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
    if (!this.open || !this.transcript) return;
    this.open = false;
    this.app.drafts.delete(this.jobId);
    this.steps.end(this.transcript);
    this.paint();
    this.button.focus();
    this.dispatchEvent(new CustomEvent("closed"));
  }

  keepDraft() {
    if (!this.open || !this.transcript) return;
    if (this.dirty) this.app.drafts.set(this.jobId, { version: this.transcript.version, history: this.steps.history });
    else this.app.drafts.delete(this.jobId);
  }

  paint() {
    show(this.node, this.open);
    show(this.problem, false);
    this.button.setAttribute("aria-pressed", String(this.open));
  }
}
