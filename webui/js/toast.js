/** Short notices at the edge of the page: "Copied", or what went wrong with an action. */

import { el } from "./dom.js";
import { icon } from "./icons.js";

const GOOD_NEWS_MS = 5000;
/** Time to read, to think, and to reach the button. */
const ACTION_MS = 12_000;

/** @typedef {{label: string, run: () => void}} ToastAction what can be done about it, once */

export class Toasts {
  constructor() {
    // The region must be there before its first message, or screen readers miss that one.
    this.node = el("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  /**
   * Good news goes by itself; bad news stays until it is dismissed.
   * @param {string} message
   * @param {"good" | "bad"} [kind]
   * @param {ToastAction} [action]
   */
  show(message, kind = "bad", action) {
    const toast = el(
      "div",
      { class: `toast toast-${kind}` },
      icon(kind === "good" ? "check" : "warning"),
      el("p", null, message),
      action ? el("button", { type: "button", class: "button button-small", onclick: () => { toast.remove(); action.run(); } }, action.label) : null,
      el("button", { type: "button", class: "icon-button", "aria-label": "Dismiss", onclick: () => toast.remove() }, icon("close")),
    );
    while (this.node.childElementCount > 2) this.node.firstElementChild?.remove();
    this.node.append(toast);
    if (kind === "good") setTimeout(() => toast.remove(), action ? ACTION_MS : GOOD_NEWS_MS);
  }
}
