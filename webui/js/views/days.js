/** How long something is kept. */

import { choice } from "../form.js";
import { plural } from "../format.js";

const USUAL = [7, 30, 90, 365, 3650];

/**
 * @param {string} label
 * @param {number | null} days null: what the settings say, 0: always
 */
export function daysChoice(label, days) {
  const offered = days && !USUAL.includes(days) ? [...USUAL, days].sort((a, b) => a - b) : USUAL;
  return choice({
    label,
    options: [
      { value: "", label: "As the box is set" },
      { value: "0", label: "Always" },
      ...offered.map((count) => ({ value: String(count), label: plural(count, "day", "days") })),
    ],
    value: days === null ? "" : String(days),
  });
}

/** @param {{select: HTMLSelectElement}} chosen */
export function daysOf({ select }) {
  return select.value === "" ? null : Number(select.value);
}
