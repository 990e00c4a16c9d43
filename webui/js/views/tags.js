/** Tags as links to everything that has them. */

import { el } from "../dom.js";

/** @param {string} tag */
export function tagLink(tag) {
  return el("a", { class: "tag", href: `#/?tag=${encodeURIComponent(tag)}`, title: `Show everything tagged ${tag}` }, tag);
}
