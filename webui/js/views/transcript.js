/** The lines of a transcript: they grow while a job runs, follow the player, can be searched and clicked. */

import { el, fill, setText, show } from "../dom.js";
import { clock } from "../format.js";

/** @import { Segment } from "../types.js" */

/** Closer to the end of the page than this, new lines pull the view along. */
const NEAR_END_PX = 160;
/** Pauses shorter than this leave the last line marked, so that the mark does not flicker between lines. */
const SHORT_PAUSE_SECONDS = 1;

/**
 * @typedef {{segment: Segment, node: HTMLLIElement, time: HTMLButtonElement, who: HTMLSpanElement, text: HTMLParagraphElement}} Line
 */

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
    if (index < 0 || (this.editing && !target.closest("button"))) return;
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

  /** The lines as they stand there now. @returns {import("../types.js").Line[]} */
  written() {
    return this.lines.map(({ segment: { start, end, channel }, text }) => ({
      start, end, channel: channel ?? null, text: (text.textContent ?? "").replace(/\s+/gu, " ").trim(),
    }));
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

/**
 * @param {Segment} segment
 * @returns {Line}
 */
function makeLine(segment) {
  const time = el("button", { type: "button", class: "segment-time", tabindex: -1 });
  const who = el("span", { class: "segment-who", hidden: true });
  const text = el("p", { class: "segment-text", dir: "auto" });
  const line = { segment, time, who, text, node: el("li", { class: "segment" }, time, el("div", null, who, text)) };
  paintLine(line);
  return line;
}

/**
 * @param {Line} line
 * @param {Segment} segment
 */
function updateLine(line, segment) {
  const same = line.segment.text === segment.text && line.segment.start === segment.start
    && line.segment.channel === segment.channel;
  line.segment = segment;
  if (!same) paintLine(line);
}

/** @param {Line} line @param {boolean} on */
function editLine({ segment, text }, on) {
  if (!on) {
    for (const name of ["contenteditable", "role", "aria-label", "spellcheck"]) text.removeAttribute(name);
    return;
  }
  // Marks of a search would become part of what is written.
  fill(text, segment.text.trim());
  text.setAttribute("contenteditable", "plaintext-only");
  // A browser that does not know it takes formatted text, of which only the words are read.
  if (!text.isContentEditable) text.setAttribute("contenteditable", "true");
  text.setAttribute("role", "textbox");
  text.setAttribute("aria-label", `Line at ${clock(segment.start)}`);
  text.setAttribute("spellcheck", "true");
}

/** @param {Line} line */
function paintLine({ segment, time, who, text }) {
  const { channel } = segment;
  show(who, typeof channel === "number");
  if (typeof channel === "number") setText(who, `Channel ${channel + 1}`);
  setText(time, clock(segment.start));
  time.setAttribute("aria-label", `Play from ${clock(segment.start)}`);
  setText(text, segment.text.trim());
}

/**
 * @param {Line} line
 * @param {RegExp | null} pattern
 * @returns {HTMLElement[]}
 */
function markLine({ segment, text }, pattern) {
  const words = segment.text.trim();
  const found = pattern ? [...words.matchAll(pattern)] : [];
  if (found.length === 0) {
    if (text.childElementCount > 0) fill(text, words);
    return [];
  }
  /** @type {HTMLElement[]} */
  const marks = [];
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let from = 0;
  for (const match of found) {
    const mark = el("mark", null, match[0]);
    marks.push(mark);
    parts.push(words.slice(from, match.index), mark);
    from = match.index + match[0].length;
  }
  fill(text, parts, words.slice(from));
  return marks;
}
