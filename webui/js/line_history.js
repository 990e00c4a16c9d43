/** The lines of a transcript while somebody works on them, and all steps back to how they were. */

import { oneLine, reversed } from "./lines.js";

/** @import { Change } from "./lines.js" */
/** @import { Segment } from "./types.js" */

const MOST_STEPS = 1000;

export class LineHistory {
  /** @param {readonly Segment[]} segments as the box knows them */
  constructor(segments) {
    /** @type {Segment[]} */
    this.lines = segments.map((segment) => ({ ...segment, text: oneLine(segment.text) }));
    this.original = new Map(this.lines.map((line) => [line.id, line]));
    /** Ids of lines that are not as the box knows them. @type {Set<number>} */
    this.changed = new Set();
    /** @type {Change[]} */
    this.past = [];
    /** @type {Change[]} */
    this.future = [];
    this.next = Math.max(0, ...this.lines.map(({ id }) => id + 1));
    /** Whether what is typed next still belongs to the last step. */
    this.typing = false;
  }

  /** What the box is told: an emptied line is removed. */
  get kept() {
    return this.lines.filter(({ text }) => text !== "")
      .map(({ start, end, text, channel }) => ({ start, end, text, channel: channel ?? null }));
  }

  /** An id that no line has had. */
  freshId() {
    this.next += 1;
    return this.next - 1;
  }

  /** @param {Change} change */
  do(change) {
    this.apply(change);
    this.future = [];
    const last = this.past.at(-1);
    if (last && this.typing && sameWord(last, change)) {
      this.past.splice(-1, 1, { ...last, added: change.added, after: change.after });
    } else this.past.push(change);
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.typing = change.name === "text";
  }

  /** What is typed from now on is a step of its own. */
  rest() {
    this.typing = false;
  }

  /** @returns {Change | null} what was done to take back the last step */
  undo() {
    const last = this.past.pop();
    if (!last) return null;
    const back = reversed(last);
    this.apply(back);
    this.future.push(last);
    this.rest();
    return back;
  }

  /** @returns {Change | null} */
  redo() {
    const again = this.future.pop();
    if (!again) return null;
    this.apply(again);
    this.past.push(again);
    this.rest();
    return again;
  }

  /** @param {Change} change */
  apply({ at, removed, added }) {
    this.lines = [...this.lines.slice(0, at), ...added, ...this.lines.slice(at + removed.length)];
    for (const { id } of removed) this.note(id, undefined);
    for (const line of added) this.note(line.id, line);
  }

  /** @param {number} id @param {Segment | undefined} now */
  note(id, now) {
    const before = this.original.get(id);
    // A new line that nobody wrote in is not kept.
    const same = before ? now !== undefined && alike(before, now) : !now?.text;
    if (same) this.changed.delete(id);
    else this.changed.add(id);
  }
}

/** @param {Segment} one @param {Segment} other */
function alike(one, other) {
  return one.text === other.text && one.start === other.start && one.end === other.end;
}

/**
 * Whether two changes of a text are one step: a word that is typed, or a stretch that is taken away.
 * @param {Change} last
 * @param {Change} change
 */
function sameWord(last, change) {
  if (last.name !== "text" || change.name !== "text" || last.at !== change.at) return false;
  const [first, between, now] = [last.removed[0].text, last.added[0].text, change.added[0].text];
  if (between.length < first.length) return now.length < between.length;
  return now.length > between.length && now.split(" ").length === between.split(" ").length;
}
