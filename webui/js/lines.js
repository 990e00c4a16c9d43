/**
 * What a person does to the lines of a transcript, apart from any page. Each step says which lines go and which come in their
 * place: so it can be undone, and only those are drawn anew. Lines are replaced, never changed; they stay in the order of
 * their starts.
 */

import { exactClock, hundredths } from "./timecode.js";

/** @import { Segment, Word } from "./types.js" */

/** @typedef {{index: number, caret: number}} Place a line, and how many characters are before the cursor in it */

/**
 * @typedef {object} Change
 * @property {"text" | "split" | "merge" | "times" | "deletion" | "new line"} name
 * @property {number} at index of the first line that goes
 * @property {Segment[]} removed
 * @property {Segment[]} added
 * @property {Place} before where a person was in the old lines
 * @property {Place} after where they go on in the new ones
 * @property {string} said what happened, for who cannot see it
 */

/** Written in languages that put no blanks between words. */
const SOLID = "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}]";
const SOLID_SEAM = new RegExp(`${SOLID}\\p{P}*\\n\\p{P}*${SOLID}`, "u");

const NEW_LINE_SECONDS = 2;
/** Of a new line where there is no pause to put it into. */
const TIGHT_LINE_SECONDS = 1;
const LEAST_PAUSE_SECONDS = 0.1;

/** What cannot be done, in words for the person who tried. */
export class Refused extends Error {}

/** @param {string} text */
export function oneLine(text) {
  return text.replace(/\s+/gu, " ").trim();
}

/**
 * @param {readonly Segment[]} lines
 * @param {number} index
 * @param {string} text
 * @param {number} caret
 * @returns {Change}
 */
export function write(lines, index, text, caret) {
  const line = lines[index];
  const added = { ...line, text: oneLine(text) };
  const before = { index, caret: changedUntil(added.text, line.text) };
  return { name: "text", at: index, removed: [line], added: [added], before, after: { index, caret }, said: "" };
}

/**
 * Cuts a line in two: in time where the player stands if that is within the line, else where its words were heard, else by
 * the share of the characters.
 * @param {readonly Segment[]} lines
 * @param {number} index
 * @param {[string, string]} sides the text before and after the cursor
 * @param {{id: number, player: number | null}} given `id` of the second line; `player`: where it stands, in seconds
 * @returns {Change}
 */
export function split(lines, index, sides, { id, player }) {
  const line = lines[index];
  const [first, second] = sides.map(oneLine);
  if (!first || !second) throw new Refused("Put the cursor between two words: the line is split there.");
  const cut = cutOf(line, first, second, player);
  const halves = [
    { ...line, text: first, end: cut.end, words: cut.words?.[0] },
    { ...line, text: second, start: cut.start, words: cut.words?.[1], id },
  ];
  const where = player !== null && cut.start === player ? ", where the player stands" : "";
  return step("split", lines, [index], halves, {
    before: { index, caret: first.length },
    after: { line: halves[1], caret: 0 },
    said: `Split at ${exactClock(cut.start)}${where}. You are in the second line.`,
  });
}

/**
 * Makes one line of two neighbours.
 * @param {readonly Segment[]} lines
 * @param {number} index
 * @param {-1 | 1} by which neighbour
 * @param {number} caret
 * @returns {Change}
 */
export function merge(lines, index, by, caret) {
  const [line, other] = [lines[index], lines[index + by]];
  const side = by < 0 ? "above" : "below";
  if (!other) throw new Refused(`There is no line ${side} this one.`);
  if ((line.channel ?? null) !== (other.channel ?? null)) {
    throw new Refused(`The line ${side} was heard in another channel. Only lines of one channel are merged.`);
  }
  const [first, second] = by < 0 ? [other, line] : [line, other];
  const seam = first.text && second.text && !SOLID_SEAM.test(`${first.text}\n${second.text}`) ? " " : "";
  const merged = {
    ...first,
    // The older one stays: what was split and is merged again is the line that it was.
    id: Math.min(line.id, other.id),
    end: Math.max(first.end, second.end),
    text: first.text + seam + second.text,
    words: first.words && second.words ? [...first.words, ...second.words] : undefined,
  };
  return step("merge", lines, [index, index + by], [merged], {
    before: { index, caret },
    after: { line: merged, caret: first.text.length + (by > 0 ? 0 : seam.length) },
    said: `Merged with the line ${side}.`,
  });
}

/**
 * Gives a line other times, and with them its place among the others.
 * @param {readonly Segment[]} lines
 * @param {number} index
 * @param {{start?: number, end?: number}} times seconds; what is left out stays
 * @param {number} latest seconds at which the recording ends
 * @param {number} caret
 * @returns {Change}
 */
export function retime(lines, index, times, latest, caret) {
  const line = lines[index];
  const changed = { ...line, ...times, words: undefined };
  if (changed.start > latest || changed.end > latest) throw new Refused(`The recording ends at ${exactClock(latest)}.`);
  if (changed.start >= changed.end) {
    throw new Refused(`A line ends after it starts. This one would start at ${exactClock(changed.start)} and end at ${exactClock(changed.end)}.`);
  }
  const made = step("times", lines, [index], [changed], {
    before: { index, caret }, after: { line: changed, caret },
    said: `The line lasts from ${exactClock(changed.start)} to ${exactClock(changed.end)}.`,
  });
  const moved = made.after.index !== index ? ` It is now line ${made.after.index + 1} of ${lines.length}.` : "";
  return { ...made, said: made.said + moved };
}

/**
 * @param {readonly Segment[]} lines
 * @param {number} index
 * @param {number} caret
 * @returns {Change}
 */
export function remove(lines, index, caret) {
  const next = lines[index + 1] ?? lines[index - 1];
  const said = next ? `The line was deleted. You are in the line at ${exactClock(next.start)}.` : "The line was deleted. It was the last one.";
  return step("deletion", lines, [index], [], { before: { index, caret }, after: { line: next, caret: 0 }, said });
}

/**
 * An empty line after another, in the pause that follows if there is one.
 * @param {readonly Segment[]} lines
 * @param {number} index
 * @param {{id: number, latest: number, caret: number}} given `latest`: seconds at which the recording ends
 * @returns {Change}
 */
export function addAfter(lines, index, { id, latest, caret }) {
  const line = lines[index];
  const next = lines[index + 1]?.start ?? latest;
  const pause = next - line.end;
  const from = Math.min(line.end, Math.max(line.start, next));
  const until = Math.min(latest, pause >= LEAST_PAUSE_SECONDS ? Math.min(next, from + NEW_LINE_SECONDS) : from + TIGHT_LINE_SECONDS);
  const fresh = {
    id,
    start: until > from ? from : Math.max(line.start, until - TIGHT_LINE_SECONDS),
    end: until,
    text: "",
    channel: line.channel,
  };
  return step("new line", lines, [index], [line, fresh], {
    before: { index, caret }, after: { line: fresh, caret: 0 }, said: `A new line at ${exactClock(fresh.start)}.`,
  });
}

/**
 * @param {Change} change
 * @returns {Change} the one that takes it back
 */
export function reversed({ name, at, removed, added, before, after, said }) {
  return { name, at, removed: added, added: removed, before: after, after: before, said };
}

/**
 * Takes lines out, puts others where their starts belong, and tells the smallest stretch that differs.
 * @param {Change["name"]} name
 * @param {readonly Segment[]} lines
 * @param {number[]} out indices, next to each other
 * @param {Segment[]} into
 * @param {{before: Place, after: {line: Segment | undefined, caret: number}, said: string}} told
 * @returns {Change}
 */
function step(name, lines, out, into, { before, after, said }) {
  const from = Math.min(...out);
  const next = lines.filter((_, index) => !out.includes(index));
  into.forEach((line, nth) => insert(next, line, from + nth));
  let at = 0;
  while (at < lines.length && lines[at] === next[at]) at += 1;
  let same = 0;
  const most = Math.min(lines.length, next.length) - at;
  while (same < most && lines[lines.length - 1 - same] === next[next.length - 1 - same]) same += 1;
  return {
    name,
    at,
    removed: lines.slice(at, lines.length - same),
    added: next.slice(at, next.length - same),
    before,
    after: { index: after.line ? next.indexOf(after.line) : 0, caret: after.caret },
    said,
  };
}

/**
 * As near to a place as the order of the starts allows.
 * @param {Segment[]} lines
 * @param {Segment} line
 * @param {number} near
 */
function insert(lines, line, near) {
  let index = Math.min(near, lines.length);
  while (index > 0 && lines[index - 1].start > line.start) index -= 1;
  while (index < lines.length && lines[index].start < line.start) index += 1;
  lines.splice(index, 0, line);
}

/**
 * @typedef {{end: number, start: number, words?: [Word[], Word[]]}} Cut where the first half ends and the second one starts
 */

/**
 * @param {Segment} line
 * @param {string} first
 * @param {string} second
 * @param {number | null} player
 * @returns {Cut}
 */
function cutOf(line, first, second, player) {
  const byWords = line.words ? cutByWords(line.words, first, second) : null;
  const within = (/** @type {number} */ seconds) => Math.min(line.end, Math.max(line.start, seconds));
  if (player !== null && player > line.start && player < line.end) return { end: player, start: player, words: byWords?.words };
  if (byWords) return { end: within(byWords.end), start: within(byWords.start), words: byWords.words };
  const share = first.length / (first.length + second.length);
  const at = within(hundredths(line.start + share * (line.end - line.start)));
  return { end: at, start: at };
}

/**
 * Between two words, or within one by its share. Words that are not the text any more count while they are as many.
 * @param {Word[]} words
 * @param {string} first
 * @param {string} second
 * @returns {Cut | null}
 */
function cutByWords(words, first, second) {
  const sizes = words.map(({ word }) => solid(word).length);
  const size = solid(first).length;
  if (words.map(({ word }) => solid(word)).join("") !== solid(first + second)) {
    const count = blanks(first);
    return count + blanks(second) === words.length ? between(words, count) : null;
  }
  let reached = 0;
  for (const [nth, length] of sizes.entries()) {
    if (reached + length === size) return between(words, nth + 1);
    if (reached + length > size) {
      const { start, end } = words[nth];
      const at = hundredths(start + ((size - reached) / length) * (end - start));
      return { end: at, start: at };
    }
    reached += length;
  }
  return null;
}

/** @param {Word[]} words @param {number} count how many are before the cut @returns {Cut} */
function between(words, count) {
  return { end: words[count - 1].end, start: words[count].start, words: [words.slice(0, count), words.slice(count)] };
}

/** @param {string} text */
function solid(text) {
  return text.replace(/\s+/gu, "");
}

/** @param {string} text one that is not empty, with single blanks */
function blanks(text) {
  return text.split(" ").length;
}

/**
 * How many characters of a text are before the last place where it differs from another.
 * @param {string} other
 * @param {string} text
 */
function changedUntil(other, text) {
  let same = 0;
  while (same < Math.min(text.length, other.length) && text.at(-1 - same) === other.at(-1 - same)) same += 1;
  return text.length - same;
}
