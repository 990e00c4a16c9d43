/** Several choices of which each can be on. */

import { el, uniqueId } from "./dom.js";

/**
 * @param {{legend: string, options: {value: string, label: string, checked?: boolean}[]}} options
 * @returns {{node: HTMLElement, values: () => string[]}}
 */
export function checks({ legend, options }) {
  const boxes = options.map(({ value, label, checked = false }) => {
    const id = uniqueId("check");
    const input = el("input", { type: "checkbox", id, value, checked });
    return { input, node: el("div", { class: "check" }, input, el("label", { for: id }, label)) };
  });
  return {
    node: el("fieldset", { class: "checks" }, el("legend", null, legend), boxes.map(({ node }) => node)),
    values: () => boxes.filter(({ input }) => input.checked).map(({ input }) => input.value),
  };
}
