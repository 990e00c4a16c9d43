/** One line of a transcript: its time, its channel, its text, which may be written in or marked. */

import { el, fill, setText, show } from "../dom.js";
import { clock } from "../format.js";

/** @import { Segment } from "../types.js" */

/**
 * @typedef {{segment: Segment, node: HTMLLIElement, time: HTMLButtonElement, who: HTMLSpanElement, text: HTMLParagraphElement}} Line
 */

/**
 * @param {Segment} segment
 * @returns {Line}
 */
export function makeLine(segment) {
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
export function updateLine(line, segment) {
  const same = line.segment.text === segment.text && line.segment.start === segment.start
    && line.segment.channel === segment.channel;
  line.segment = segment;
  if (!same) paintLine(line);
}

/** Lets the text of a line be written in, or no more. @param {Line} line @param {boolean} on */
export function editLine({ segment, text }, on) {
  if (!on) {
    if (text.hasAttribute("contenteditable")) {
      for (const name of ["contenteditable", "role", "aria-label", "spellcheck"]) text.removeAttribute(name);
    }
    // What was typed may differ, in its blanks, from what the line is known to say.
    setText(text, segment.text.trim());
    return;
  }
  // Marks of a search would become part of what is written.
  if (text.childElementCount > 0) fill(text, segment.text.trim());
  const label = `Line at ${clock(segment.start)}`;
  if (text.getAttribute("aria-label") !== label) text.setAttribute("aria-label", label);
  if (text.hasAttribute("contenteditable")) return;
  try {
    text.contentEditable = "plaintext-only";
  } catch {
    // A browser that does not know it takes formatted text, of which only the words are read.
    text.contentEditable = "true";
  }
  text.setAttribute("role", "textbox");
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
 * Marks every place of a line where a pattern occurs.
 * @param {Line} line
 * @param {RegExp | null} pattern
 * @returns {HTMLElement[]}
 */
export function markLine({ segment, text }, pattern) {
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
