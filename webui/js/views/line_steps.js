/**
 * The steps of the editor: what a key or a button does to the lines, where a person goes on afterwards, and what is said of
 * it. Events: `changed`, `empty` (no line is left to go on in).
 */

import { isCollapsed, putCaret, sidesOfCaret, writtenIn } from "../caret.js";
import { LineHistory } from "../line_history.js";
import { Refused, addAfter, merge, remove, retime, split, write } from "../lines.js";
import { hundredths } from "../timecode.js";
import { actOf } from "./editor_keys.js";
import { LinePanel } from "./line_panel.js";

/** @import { Change, Place } from "../lines.js" */
/** @import { Player } from "../player.js" */
/** @import { App, Transcript } from "../types.js" */
/** @import { Act } from "./editor_keys.js" */
/** @import { Which } from "./line_panel.js" */
/** @import { TranscriptView } from "./transcript.js" */

export class LineSteps extends EventTarget {
  /**
   * @param {App} app
   * @param {TranscriptView} view
   * @param {Player} player
   * @param {AbortSignal} signal
   */
  constructor(app, view, player, signal) {
    super();
    this.app = app;
    this.view = view;
    this.player = player;
    this.history = new LineHistory([]);
    /** Seconds at which the recording ends. */
    this.latest = 0;
    this.open = false;
    this.pressed = false;
    /** Where the cursor was last: it is not there any more once a button is pressed. @type {{node: Element, sides: [string, string]} | null} */
    this.cursor = null;
    this.panel = new LinePanel();
    this.panel.addEventListener("act", (event) => this.act(/** @type {CustomEvent} */ (event).detail));
    this.panel.addEventListener("back", () => this.goOn({ index: this.index, caret: this.caret(this.index) }));
    this.panel.addEventListener("times", (event) => {
      const { times, which } = /** @type {CustomEvent} */ (event).detail;
      this.retime(times, which);
    });
    const { list } = view;
    list.addEventListener("input", (event) => this.typed(event), { signal });
    list.addEventListener("beforeinput", (event) => this.browserUndo(event), { signal });
    list.addEventListener("keydown", (event) => this.key(event), { signal });
    list.addEventListener("focusin", () => this.enter(), { signal });
    list.addEventListener("focusout", () => this.history.rest(), { signal });
    // Between press and release nothing may move beneath the pointer, or words are marked that nobody meant.
    list.addEventListener("pointerdown", () => {
      this.pressed = true;
    }, { signal });
    for (const name of ["pointerup", "pointercancel"]) {
      document.addEventListener(name, () => {
        this.pressed = false;
        this.enter();
      }, { signal });
    }
    document.addEventListener("selectionchange", () => this.noteCursor(), { signal });
  }

  /** Which line is worked on; -1: none. */
  get index() {
    return this.view.indexOf(this.panel.node);
  }

  /** Where the player stands, if there is one. */
  get stands() {
    const { node, controls, position } = this.player;
    return node.hidden || controls.hidden ? null : hundredths(position);
  }

  /** @param {Transcript} transcript @param {LineHistory | undefined} history of a draft */
  begin(transcript, history) {
    this.history = history ?? new LineHistory(transcript.segments);
    this.history.rest();
    this.latest = Math.max(transcript.duration, ...transcript.segments.map(({ end }) => end));
    this.open = true;
    this.view.edit(true);
    this.view.splice(0, this.view.lines.length, this.history.lines);
  }

  /** @param {Transcript} transcript what is shown instead */
  end(transcript) {
    this.open = false;
    this.cursor = null;
    this.panel.put(null, null);
    this.view.edit(false);
    // Numbered as the history does, so that lines that stay keep their place on the page.
    this.view.splice(0, this.view.lines.length, transcript.segments.map((segment, id) => ({ ...segment, id })));
  }

  /** The panel goes to the line that has the focus. */
  enter() {
    if (!this.open || this.pressed) return;
    const index = this.view.indexOf(document.activeElement);
    if (index < 0 || index === this.index) return;
    const { node } = this.view.lines[index];
    const { top } = node.getBoundingClientRect();
    this.place(index);
    // The panel left a line above, perhaps: what a person looks at stays where it is.
    window.scrollBy(0, node.getBoundingClientRect().top - top);
  }

  /** @param {number} index */
  place(index) {
    const line = this.view.lines[index];
    this.panel.put(line ? this.history.lines[index] : null, line?.node ?? null);
    this.panel.offerPlayer(this.stands !== null);
    if (line) this.view.setActive(index);
  }

  noteCursor() {
    const node = document.activeElement;
    if (!this.open || !node?.matches(".segment-text") || !(node instanceof HTMLElement)) return;
    const sides = sidesOfCaret(node);
    if (sides) this.cursor = { node, sides };
  }

  /** The text on both sides of the cursor of a line. @param {number} index @returns {[string, string]} */
  sides(index) {
    const { text } = this.view.lines[index];
    if (text === document.activeElement) this.noteCursor();
    return this.cursor?.node === text ? this.cursor.sides : ["", writtenIn(text)];
  }

  /** @param {number} index */
  caret(index) {
    return this.sides(index)[0].length;
  }

  /** @param {Event} event */
  typed(event) {
    const index = this.view.indexOf(/** @type {Node} */ (event.target));
    const line = this.view.lines[index];
    if (!this.open || line?.text !== event.target) return;
    const change = write(this.history.lines, index, writtenIn(line.text), this.caret(index));
    if (change.added[0].text === line.segment.text) return;
    this.history.do(change);
    line.segment = change.added[0];
    if (this.index === index) this.panel.line = line.segment;
    this.panel.refuse("");
    this.tell();
  }

  /** Of what was done by buttons the browser knows nothing, so its own undo would tear the lines. @param {InputEvent} event */
  browserUndo(event) {
    if (!this.open || !event.inputType.startsWith("history")) return;
    event.preventDefault();
    this.act(event.inputType === "historyUndo" ? "undo" : "redo");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.open || event.isComposing || event.defaultPrevented) return;
    const index = this.view.indexOf(/** @type {Node} */ (event.target));
    if (index < 0) return;
    const writing = this.view.lines[index].text === event.target;
    const act = (writing ? this.mergeKey(event, index) : null) ?? actOf(event);
    // In a field for a time these keys are the field's own; on a button they press it.
    const own = ["next", "previous"].includes(act ?? "") || (event.target instanceof HTMLInputElement && ["undo", "redo"].includes(act ?? ""));
    if (!act || (own && !writing)) return;
    event.preventDefault();
    if (!writing && !this.panel.take()) return;
    // Taking a time may have moved the line.
    const at = this.view.indexOf(/** @type {Node} */ (event.target));
    if (at !== this.index) this.place(at);
    this.act(act);
  }

  /** Backspace at the beginning of a line and Delete at its end, as in any text. @param {KeyboardEvent} event @param {number} index @returns {Act | null} */
  mergeKey(event, index) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !isCollapsed()) return null;
    const [before, after] = this.sides(index);
    if (event.key === "Backspace" && before === "" && index > 0) return "mergeUp";
    if (event.key === "Delete" && after === "" && index < this.view.lines.length - 1) return "mergeDown";
    return null;
  }

  /** @param {Act} act */
  act(act) {
    const { index, history } = this;
    if (act === "undo" || act === "redo") {
      this.back(act);
      return;
    }
    if (index < 0) return;
    if (act === "play") this.player.toggle();
    else if (act === "next" || act === "previous") this.goOn({ index: index + (act === "next" ? 1 : -1), caret: 0 });
    else if (act === "startNow") this.now("start");
    else if (act === "endNow") this.now("end");
    else {
      const { lines } = history;
      const caret = this.caret(index);
      this.attempt(() => ({
        split: () => split(lines, index, this.sides(index), { id: history.freshId(), player: this.stands }),
        mergeUp: () => merge(lines, index, -1, caret),
        mergeDown: () => merge(lines, index, 1, caret),
        add: () => addAfter(lines, index, { id: history.freshId(), latest: this.latest, caret }),
        remove: () => remove(lines, index, caret),
      })[act]());
    }
  }

  /** @param {Which} which */
  now(which) {
    const seconds = this.stands;
    if (seconds !== null) this.retime({ [which]: seconds }, which);
  }

  /** @param {{start?: number, end?: number}} times @param {Which} which */
  retime(times, which) {
    const { index } = this;
    const focused = this.view.lines[index].text === document.activeElement ? null : document.activeElement;
    this.attempt(() => retime(this.history.lines, index, times, this.latest, this.caret(index)), which, focused);
  }

  /**
   * @param {() => Change} make
   * @param {Which} [which] the time that may be refused
   * @param {Element | null} [stay] what keeps the focus; the line otherwise
   */
  attempt(make, which, stay) {
    let change;
    try {
      change = make();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.panel.refuse(error.message, which);
      return;
    }
    this.history.do(change);
    this.draw(change, stay);
    this.app.announce(change.said);
  }

  /** @param {"undo" | "redo"} which */
  back(which) {
    const change = which === "undo" ? this.history.undo() : this.history.redo();
    if (!change) {
      this.app.announce(which === "undo" ? "There is nothing to undo." : "There is nothing to redo.");
      return;
    }
    const stay = this.view.list.contains(document.activeElement) ? null : document.activeElement;
    this.draw(change, stay);
    this.app.announce(`${which === "undo" ? "Undone" : "Done again"}: ${change.name}.`);
  }

  /** @param {Change} change @param {Element | null} [stay] */
  draw({ name, at, removed, added, after }, stay) {
    if (name !== "times") this.cursor = null;
    this.panel.moving = true;
    this.view.splice(at, removed.length, added);
    this.panel.moving = false;
    this.tell();
    this.place(after.index);
    if (this.view.lines.length === 0) this.dispatchEvent(new CustomEvent("empty"));
    else if (stay instanceof HTMLElement && stay !== document.body) {
      this.view.lines[after.index].node.scrollIntoView({ block: "nearest" });
      // What was moved with its line lost the focus.
      if (document.activeElement !== stay) stay.focus();
    } else this.goOn(after);
  }

  /** @param {Place} place */
  goOn({ index, caret }) {
    const line = this.view.lines[index];
    if (!line) return;
    this.place(index);
    putCaret(line.text, caret);
  }

  tell() {
    this.dispatchEvent(new CustomEvent("changed"));
  }
}
