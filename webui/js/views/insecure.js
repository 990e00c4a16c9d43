/** Says on every view that others can read along: the box speaks plain HTTP over a network. */

import { el } from "../dom.js";

/** @returns {HTMLElement} */
export function insecureBanner() {
  return el(
    "aside",
    { class: "insecure", "aria-label": "Warning" },
    el(
      "p",
      { class: "insecure-inner" },
      el("strong", null, "This connection is not encrypted."),
      " Others on the network can read passwords and recordings. The administrator can change that on the box with ",
      el("code", null, "stenobox tls self-signed"),
      ".",
    ),
  );
}
