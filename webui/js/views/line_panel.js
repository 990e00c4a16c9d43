/**
 * Beneath the line that is worked on: its times, and what can be done with it. There is one for all lines, so that thousands
 * of them stay light. Events: `act` (detail: Act), `times` (detail: {times, which}: start,
 * end or both in seconds, and which was written last), `back` (to the text of the line).
 */

import { el, setText, show, uniqueId } from "../dom.js";
import { exactClock, parseClock } from "../timecode.js";
import { hintOf, keysOf } from "./editor_keys.js";

/** @import { Segment } from "../types.js" */
/** @import { Act } from "./editor_keys.js" */

/** @typedef {"start" | "end"} Which */

/** @type {Which[]} */
const WHICH = ["start", "end"];

/** @type {{act: Act, label: string, more: string}[]} */
const BUTTONS = [
  { act: "split", label: "Split", more: " at the cursor" },
  { act: "mergeUp", label: "Merge up", more: " with the line above" },
  { act: "mergeDown", label: "Merge down", more: " with the line below" },
  { act: "add", label: "Add below", more: " an empty line" },
  { act: "remove", label: "Delete", more: " the line" },
];

export class LinePanel extends EventTarget {
  constructor() {
    super();
    /** @type {Segment | null} */
    this.line = null;
    this.moving = false;
    this.problemId = uniqueId("line-problem");
    this.problem = el("p", { id: this.problemId, class: "field-error", role: "alert", hidden: true });
    this.start = this.timeInput("start", "Start");
    this.end = this.timeInput("end", "End");
    this.node = el(
      "div",
      { class: "line-panel", role: "group", "aria-label": "This line" },
      el("div", { class: "line-times" }, this.start.node, this.end.node),
      this.problem,
      el("div", { class: "line-acts" }, BUTTONS.map(({ act, label, more }) => el(
        "button",
        { type: "button", class: "button button-small", title: `${label}${more} (${hintOf(act)})`, "aria-keyshortcuts": keysOf(act), onclick: () => this.tell("act", act) },
        label, el("span", { class: "visually-hidden" }, more),
      ))),
    );
    this.node.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {Which} which @param {string} label */
  timeInput(which, label) {
    const id = uniqueId("line-time");
    const input = el("input", {
      id, class: "input line-time", type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": this.problemId,
      title: "As 1:23.45, or in seconds", onchange: () => this.take(which),
    });
    /** @type {Act} */
    const act = which === "start" ? "startNow" : "endNow";
    const now = el(
      "button",
      { type: "button", class: "button button-small", title: `Where the player stands (${hintOf(act)})`, "aria-keyshortcuts": keysOf(act), onclick: () => this.tell("act", act) },
      "Now", el("span", { class: "visually-hidden" }, `: it ${which}s where the player stands`),
    );
    return { input, now, node: el("div", { class: "line-time-field" }, el("label", { for: id }, label), input, now) };
  }

  /** @param {"act" | "times" | "back"} name @param {any} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * Puts the panel beneath a line, or takes it away.
   * @param {Segment | null} line
   * @param {Element | null} place
   */
  put(line, place) {
    // A field that is moved or removed with something in it tells of a change that nobody made.
    this.moving = true;
    if (!place) this.node.remove();
    else if (this.node.parentNode !== place) place.append(this.node);
    this.moving = false;
    this.line = line;
    this.paint();
  }

  paint() {
    if (!this.line) return;
    for (const which of WHICH) {
      this[which].input.value = exactClock(this.line[which]);
      this[which].input.removeAttribute("aria-invalid");
    }
    this.refuse("");
  }

  /** @param {boolean} can whether there is a player to go by */
  offerPlayer(can) {
    for (const { now } of [this.start, this.end]) show(now, can);
  }

  /** @param {string} problem @param {Which} [which] the time that is wrong */
  refuse(problem, which) {
    setText(this.problem, problem);
    show(this.problem, problem !== "");
    // It may be beneath the player.
    if (problem) this.problem.scrollIntoView({ block: "nearest" });
    if (which) this[which].input.setAttribute("aria-invalid", "true");
  }

  /**
   * Reads the times that were written: both, as one alone may be refused because of the other.
   * @param {Which} [last] which was written in
   * @returns {boolean} whether there is nothing to read any more
   */
  take(last) {
    const { line } = this;
    if (!line || this.moving) return true;
    const written = WHICH.filter((which) => this[which].input.value.trim() !== exactClock(line[which]));
    /** @type {{start?: number, end?: number}} */
    const times = {};
    for (const which of written) {
      const seconds = parseClock(this[which].input.value);
      if (seconds === null) {
        this.refuse("Write a time such as 1:23.45, or seconds such as 83.45.", which);
        return false;
      }
      times[which] = seconds;
    }
    if (written.length > 0) this.tell("times", { times, which: last ?? written[0] });
    return WHICH.every((which) => !this[which].input.hasAttribute("aria-invalid"));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.paint();
      this.tell("back");
    } else if (event.key === "Enter" && event.target instanceof HTMLInputElement && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.take(event.target === this.start.input ? "start" : "end");
    }
  }
}
