/** How much of the box an account's recordings take. */

import { el, fill } from "../dom.js";
import { percent, size } from "../format.js";

/** @import { App } from "../types.js" */

/**
 * A line that says it and, where there is a limit, a bar that shows it. `load` asks the box again.
 * @param {App} app
 * @returns {{node: HTMLElement, load: () => Promise<void>}}
 */
export function space(app) {
  const node = el("div", { class: "space" });
  const load = async () => {
    try {
      const { used_bytes: used, quota_bytes: quota } = await app.api.me();
      fill(node, quota === null
        ? el("p", null, `Your recordings take ${size(used)} on this box.`)
        : [
          el("p", null, `Your recordings take ${size(used)} of the ${size(quota)} that you may keep on this box. What is in the trash counts too.`),
          el("progress", { class: "bar", max: 1, value: Math.min(1, used / quota), "aria-label": `${percent(used / quota)} of your space is used` }),
        ]);
    } catch {
      // It is not what people came for; what is wrong shows elsewhere too.
    }
  };
  return { node, load };
}
