/** Tags as links to everything that has them. */

import { el } from "../dom.js";

/**
 * @param {string} tag
 * @param {import("../types.js").Access} access to what has it: others' tags lead to what others share
 */
export function tagLink(tag, access) {
  const list = access === "own" ? "#/" : "#/shared";
  return el("a", { class: "tag", href: `${list}?tag=${encodeURIComponent(tag)}`, title: `Show everything tagged ${tag}` }, tag);
}
