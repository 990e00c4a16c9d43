/** Several choices of which each can be on. */

import { el, setText, show, uniqueId } from "./dom.js";

/**
 * @param {{legend: string, options: {value: string, label: string, checked?: boolean}[], least?: string}} options `least`:
 *   what is said when none is on, where one must be
 * @returns {{node: HTMLElement, values: () => string[], check: () => boolean}} `check` says whether enough are on, and if
 *   not, why
 */
export function checks({ legend, options, least = "" }) {
  const errorId = uniqueId("checks-error");
  const error = el("p", { id: errorId, class: "field-error", role: "alert", hidden: true });
  const boxes = options.map(({ value, label, checked = false }) => {
    const id = uniqueId("check");
    const input = el("input", { type: "checkbox", id, value, checked });
    return { input, node: el("div", { class: "check" }, input, el("label", { for: id }, label)) };
  });
  const values = () => boxes.filter(({ input }) => input.checked).map(({ input }) => input.value);
  return {
    node: el("fieldset", { class: "checks", "aria-describedby": least ? errorId : null }, el("legend", null, legend), boxes.map(({ node }) => node), least ? error : null),
    values,
    check() {
      const enough = least === "" || values().length > 0;
      setText(error, enough ? "" : least);
      show(error, !enough);
      if (!enough) boxes[0].input.focus();
      return enough;
    },
  };
}
