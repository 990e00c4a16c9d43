/** Short notices at the edge of the page: "Copied", or what went wrong with an action. */

import { el } from "./dom.js";
import { icon } from "./icons.js";

const GOOD_NEWS_MS = 5000;

export class Toasts {
  constructor() {
    // The region must be there before its first message, or screen readers miss that one.
    this.node = el("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  /**
   * Good news goes by itself; bad news stays until it is dismissed.
   * @param {string} message
   * @param {"good" | "bad"} [kind]
   */
  show(message, kind = "bad") {
    const toast = el(
      "div",
      { class: `toast toast-${kind}` },
      icon(kind === "good" ? "check" : "warning"),
      el("p", null, message),
      el("button", { type: "button", class: "icon-button", "aria-label": "Dismiss", onclick: () => toast.remove() }, icon("close")),
    );
    while (this.node.childElementCount > 2) this.node.firstElementChild?.remove();
    this.node.append(toast);
    if (kind === "good") setTimeout(() => toast.remove(), GOOD_NEWS_MS);
  }
}
