/** The lines of a transcript: they grow while a job runs, follow the player, can be searched and clicked. */

import { el, setText, show } from "../dom.js";
import { editLine, makeLine, markLine, updateLine } from "./transcript_line.js";

/** @import { Segment } from "../types.js" */
/** @import { Line } from "./transcript_line.js" */

/** Closer to the end of the page than this, new lines pull the view along. */
const NEAR_END_PX = 160;
/** Pauses shorter than this leave the last line marked, so that the mark does not flicker between lines. */
const SHORT_PAUSE_SECONDS = 1;

/** Events: `play` (detail: seconds), `following` (detail: boolean). */
export class TranscriptView extends EventTarget {
  constructor() {
    super();
    /** @type {Line[]} */
    this.lines = [];
    this.current = -1;
    this.following = true;
    this.editing = false;
    this.active = 0;
    this.list = el("ol", { class: "segments", "aria-label": "Transcript" });
    this.empty = el("p", { class: "empty", hidden: true });
    this.node = el("div", { class: "transcript" }, this.list, this.empty);
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.list.addEventListener("keydown", (event) => this.keyed(event));
    // A hand that scrolls means "let me read": the page follows the player again only when asked.
    for (const name of ["wheel", "touchmove"]) {
      this.node.addEventListener(name, () => this.follow(false), { passive: true });
    }
  }

  /**
   * Shows these lines, keeping the nodes of those that are the same.
   * @param {Segment[]} segments
   * @param {string} nothing what to say when there are none
   */
  setSegments(segments, nothing) {
    const atEnd = this.lines.length > 0 && nearEnd();
    const added = document.createDocumentFragment();
    segments.forEach((segment, index) => {
      const line = this.lines[index];
      if (line) updateLine(line, segment);
      else {
        const fresh = makeLine(segment);
        this.lines.push(fresh);
        added.append(fresh.node);
      }
    });
    for (const line of this.lines.splice(segments.length)) line.node.remove();
    this.list.append(added);
    setText(this.empty, nothing);
    show(this.empty, segments.length === 0);
    show(this.list, segments.length > 0);
    this.active = Math.min(this.active, Math.max(0, this.lines.length - 1));
    this.setActive(this.active);
    if (atEnd && this.current < 0) window.scrollTo({ top: document.documentElement.scrollHeight });
  }

  get plainText() {
    return this.lines.map(({ segment: { channel, text } }) => (
      typeof channel === "number" ? `Channel ${channel + 1}: ${text.trim()}` : text.trim()
    )).join("\n");
  }

  /**
   * Marks the line that is being spoken.
   * @param {number} position seconds
   * @param {boolean} playing
   */
  setPosition(position, playing) {
    const index = this.lineAt(position);
    if (index === this.current) return;
    this.lines[this.current]?.node.removeAttribute("aria-current");
    this.current = index;
    const line = this.lines[index];
    if (!line) return;
    line.node.setAttribute("aria-current", "true");
    if (!this.list.contains(document.activeElement)) this.setActive(index);
    if (playing && this.following) this.reveal(line.node);
  }

  /**
   * The line at a position: the last one that has begun, unless a longer pause is on.
   * @param {number} position
   */
  lineAt(position) {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle].segment.start <= position) low = middle + 1;
      else high = middle;
    }
    const line = this.lines[low - 1];
    return line && position < line.segment.end + SHORT_PAUSE_SECONDS ? low - 1 : -1;
  }

  /** @param {boolean} on */
  follow(on) {
    if (this.following === on) return;
    this.following = on;
    this.dispatchEvent(new CustomEvent("following", { detail: on }));
    const line = this.lines[this.current];
    if (on && line) this.reveal(line.node);
  }

  /** @param {HTMLElement} node */
  reveal(node) {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    node.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const index = this.lines.findIndex(({ node }) => node.contains(target));
    // Who edits puts the cursor somewhere; only the times still play.
    if (index < 0 || (this.editing && !target.closest(".segment-time"))) return;
    // Somebody who marks words to copy them does not want them played.
    if (!target.closest("button") && !getSelection()?.isCollapsed) return;
    this.setActive(index);
    this.follow(true);
    this.dispatchEvent(new CustomEvent("play", { detail: this.lines[index].segment.start }));
  }

  /** Up and down move between the lines; only one of them is in the tab order. @param {KeyboardEvent} event */
  keyed(event) {
    const index = this.lines.findIndex(({ time }) => time === document.activeElement);
    if (index < 0) return;
    const last = this.lines.length - 1;
    const next = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: last, PageUp: index - 10, PageDown: index + 10 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.setActive(Math.min(last, Math.max(0, next)));
    this.lines[this.active].time.focus();
  }

  /** @param {number} index */
  setActive(index) {
    this.lines[this.active]?.time.setAttribute("tabindex", "-1");
    this.active = index;
    this.lines[index]?.time.setAttribute("tabindex", "0");
  }

  /** Lets the texts of the lines be written in, or no more. @param {boolean} on */
  edit(on) {
    this.editing = on;
    this.node.classList.toggle("is-edited", on);
    for (const line of this.lines) editLine(line, on);
  }

  /**
   * Puts lines in the place of others. Those of the same id stay the nodes that they are, with what else is in them.
   * @param {number} at
   * @param {number} count how many lines go
   * @param {readonly Segment[]} segments
   */
  splice(at, count, segments) {
    const old = this.lines.slice(at, at + count);
    const known = new Map(old.map((line) => [line.segment.id, line]));
    const current = this.lines[this.current];
    const fresh = segments.map((segment) => known.get(segment.id) ?? makeLine(segment));
    const staying = new Set(fresh);
    this.lines[this.active]?.time.setAttribute("tabindex", "-1");
    for (const line of old) {
      if (!staying.has(line)) line.node.remove();
    }
    this.lines = [...this.lines.slice(0, at), ...fresh, ...this.lines.slice(at + count)];
    // From the end: each line has its place before one that has it already. What is there is not moved and keeps the focus.
    for (let index = at + fresh.length - 1; index >= at; index -= 1) {
      const { node } = this.lines[index];
      const next = this.lines[index + 1]?.node ?? null;
      if (node.parentNode !== this.list || node.nextSibling !== next) this.list.insertBefore(node, next);
    }
    fresh.forEach((line, nth) => {
      updateLine(line, segments[nth]);
      editLine(line, this.editing);
    });
    this.current = current ? this.lines.indexOf(current) : -1;
    this.setActive(Math.min(this.active, Math.max(0, this.lines.length - 1)));
    show(this.list, this.lines.length > 0);
  }

  /** Which line a node is in; -1: none. @param {Node | null} node */
  indexOf(node) {
    const item = node instanceof Element ? node.closest(".segment") : null;
    return item ? this.lines.findIndex((line) => line.node === item) : -1;
  }

  /**
   * Marks the line at a position and brings it into view.
   * @param {number} seconds
   */
  jump(seconds) {
    const index = this.lineAt(seconds);
    if (index < 0) return;
    this.setPosition(seconds, false);
    this.setActive(index);
    this.lines[index].node.scrollIntoView({ block: "center" });
  }

  /**
   * Marks every place where the words occur.
   * @param {string} query
   * @returns {HTMLElement[]} the marks, in order
   */
  search(query) {
    const pattern = query.trim() ? new RegExp(query.trim().replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu") : null;
    return this.lines.flatMap((line) => markLine(line, pattern));
  }
}

function nearEnd() {
  return window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - NEAR_END_PX;
}
