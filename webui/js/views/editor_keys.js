/** The keys of the editor: what is pressed, what it does, and the list of them for people. */

import { el } from "../dom.js";

/**
 * @typedef {"split" | "mergeUp" | "mergeDown" | "add" | "remove" | "startNow" | "endNow" | "play" | "undo" | "redo" | "next" | "previous"} Act
 * @typedef {{act: Act, keys: string[], label: string}} Entry the keys as `aria-keyshortcuts` writes them
 */

const APPLE = /Mac|iPhone|iPad/u.test(navigator.platform);

/** @type {Entry[]} */
const ENTRIES = [
  { act: "next", keys: ["Enter"], label: "To the next line" },
  { act: "previous", keys: ["Shift+Enter"], label: "To the line before" },
  { act: "split", keys: ["Control+Enter"], label: "Split the line at the cursor; in time, where the player stands if that is within the line" },
  { act: "add", keys: ["Control+Shift+Enter"], label: "Add a line below" },
  { act: "mergeUp", keys: ["Alt+Shift+ArrowUp"], label: "Merge with the line above" },
  { act: "mergeDown", keys: ["Alt+Shift+ArrowDown"], label: "Merge with the line below" },
  { act: "remove", keys: ["Alt+Shift+Delete", "Alt+Shift+Backspace"], label: "Delete the line" },
  { act: "startNow", keys: ["Alt+Shift+S"], label: "The line starts where the player stands" },
  { act: "endNow", keys: ["Alt+Shift+E"], label: "The line ends where the player stands" },
  { act: "play", keys: ["Alt+Shift+P"], label: "Play or pause" },
  { act: "undo", keys: ["Control+Z"], label: "Undo" },
  { act: "redo", keys: ["Control+Shift+Z", "Control+Y"], label: "Redo" },
];

const FURTHER = [
  { keys: ["Tab"], label: "From a line to its times and buttons" },
  { keys: ["Control+S"], label: "Save" },
  { keys: ["Escape"], label: "Back to the line; from there: give up" },
];

/** For `aria-keyshortcuts`. @param {Act} act */
export function keysOf(act) {
  return ENTRIES.find((entry) => entry.act === act)?.keys.join(" ") ?? null;
}

/** For people. @param {Act} act */
export function hintOf(act) {
  return spoken(ENTRIES.find((entry) => entry.act === act)?.keys[0] ?? "");
}

/** @param {KeyboardEvent} event @returns {Act | null} */
export function actOf(event) {
  // The letter on the key. Where Alt or the keyboard of another script makes something else of it, the place of the key.
  const letter = /^[a-z]$/iu.test(event.key) ? event.key.toUpperCase() : /^Key([A-Z])$/u.exec(event.code)?.[1];
  const key = letter ?? event.key;
  const held = [
    [event.ctrlKey || event.metaKey, "Control"], [event.altKey, "Alt"], [event.shiftKey, "Shift"],
  ].flatMap(([down, name]) => (down ? [name] : []));
  const pressed = [...held, key].join("+");
  return ENTRIES.find(({ keys }) => keys.includes(pressed))?.act ?? null;
}

/** @returns {HTMLElement} */
export function keyList() {
  return el(
    "details",
    { class: "editor-keys" },
    el("summary", null, "Keys"),
    el("dl", null, [...ENTRIES, ...FURTHER].map(({ keys, label }) => el(
      "div", null, el("dt", null, el("kbd", null, spoken(keys[0]))), el("dd", null, label),
    ))),
  );
}

/** @param {string} keys */
function spoken(keys) {
  return keys.replace("Control", APPLE ? "⌘" : "Ctrl").replace("Alt", APPLE ? "⌥" : "Alt")
    .replace("Arrow", "").replaceAll("+", " + ");
}
