/** What a link opens while nobody is signed in: it comes before everything else, and whoever has the link is asked for nothing. */

import { linkIn } from "./sharing.js";
import { linkedFrame, linkedView } from "./views/linked.js";

/** @import { Api } from "./api.js" */
/** @import { App, View } from "./types.js" */

export class Visit {
  /**
   * @param {Api} api
   * @param {App["notify"]} notify
   * @param {(view: View) => void} show instead of everything else
   */
  constructor(api, notify, show) {
    this.api = api;
    this.notify = notify;
    this.show = show;
    /** @type {(() => void) | null} */
    this.close = null;
  }

  /** Whether something is shown. */
  get open() {
    return this.close !== null;
  }

  /**
   * Shows what the address opens, if it is that of a link; and ends what was shown before.
   * @returns {boolean} whether it is one
   */
  begin() {
    this.end();
    const link = linkIn(location.hash);
    if (!link) return false;
    const view = linkedView(this, link);
    this.close = view.destroy;
    this.show({ ...view, node: linkedFrame(view) });
    return true;
  }

  end() {
    this.close?.();
    this.close = null;
  }
}
