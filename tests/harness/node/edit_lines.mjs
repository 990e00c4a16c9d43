/**
 * Lines of a transcript as the page's editor changes them, without a page.
 * node edit_lines.mjs FOLDER_OF_MODULES; on standard input as JSON {segments, latest, steps}, each step [name, ...arguments].
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const load = (name) => import(new URL(name, `${pathToFileURL(process.argv[2])}/`));
const { Refused, addAfter, merge, remove, retime, split, write } = await load("lines.js");
const { LineHistory } = await load("line_history.js");
const { exactClock, parseClock } = await load("timecode.js");

const { segments = [], latest = 0, steps } = JSON.parse(readFileSync(0, "utf8"));
const history = new LineHistory(segments);
const make = {
  write: (index, text) => write(history.lines, index, text, text.length),
  split: (index, before, after, player = null) => split(history.lines, index, [before, after], { id: history.freshId(), player }),
  merge: (index, by) => merge(history.lines, index, by, 0),
  retime: (index, times) => retime(history.lines, index, times, latest, 0),
  remove: (index) => remove(history.lines, index, 0),
  add: (index) => addAfter(history.lines, index, { id: history.freshId(), latest, caret: 0 }),
};
const other = {
  undo: () => history.undo(),
  redo: () => history.redo(),
  rest: () => history.rest(),
  parse: (text) => parseClock(text),
  format: (seconds) => exactClock(seconds),
};

const answers = steps.map(([name, ...given]) => {
  if (name in other) return other[name](...given) ?? null;
  try {
    const change = make[name](...given);
    // As the page does: a blank more is no change.
    if (name === "write" && change.added[0].text === change.removed[0].text) return change;
    history.do(change);
    return change;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { refused: error.message };
  }
});
process.stdout.write(JSON.stringify({
  answers, lines: history.lines, kept: history.kept, changed: history.changed.size, past: history.past.length,
}));
