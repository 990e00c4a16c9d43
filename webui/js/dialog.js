/** Questions that need an answer before something is lost. */

import { el, uniqueId } from "./dom.js";

/**
 * Asks in a modal dialog. The safe answer has the focus; Escape gives it too.
 * @param {{title: string, text: string, yes: string, no?: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmDialog({ title, text, yes, no = "Keep it" }) {
  const titleId = uniqueId("dialog-title");
  const textId = uniqueId("dialog-text");
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": titleId, "aria-describedby": textId },
    el("h2", { id: titleId }, title),
    el("p", { id: textId }, text),
    el(
      "div",
      { class: "dialog-buttons" },
      el("button", { type: "button", class: "button", autofocus: true, onclick: () => dialog.close("no") }, no),
      el("button", { type: "button", class: "button button-danger", onclick: () => dialog.close("yes") }, yes),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
