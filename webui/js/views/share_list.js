/** What was shared, each with a button that takes it back. */

import { el, fill } from "../dom.js";
import { fullMoment, moment } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { shares, takeBack } from "../sharing.js";

/** @import { App, Share } from "../types.js" */
/** @import { Subject } from "../sharing.js" */

/** What the rights of a share are called. @type {Record<Share["rights"], string>} */
export const RIGHTS = { read: "may read", edit: "may correct" };

/**
 * @typedef {object} ListOptions
 * @property {Subject} [subject] only what is shared of it; without: everything that one gave
 * @property {string} nothing what to say when there is nothing
 * @property {(message: string, kind: "good" | "bad") => void} tell
 * @property {HTMLElement} heading takes the focus when the row goes whose button was pressed
 */

export class ShareList {
  /**
   * @param {App} app
   * @param {ListOptions} options
   */
  constructor(app, options) {
    this.app = app;
    this.options = options;
    this.node = el("ul", { class: "rows" });
  }

  async load() {
    const { subject, nothing, heading } = this.options;
    const hadFocus = this.node.contains(document.activeElement);
    try {
      const found = (await shares(this.app.api, subject)).shares;
      fill(this.node, found.length > 0 ? found.map((share) => this.row(share)) : el("li", { class: "muted" }, nothing));
    } catch (error) {
      fill(this.node, el("li", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
    if (hadFocus && !this.node.contains(document.activeElement)) heading.focus();
  }

  /** @param {Share} share */
  row(share) {
    const whom = share.user ?? "whoever has the link";
    // In a list of one recording or tag, what it is of need not be said, unless it comes through something else.
    const { subject } = this.options;
    const of = subject && (!("recording" in subject) || share.tag === null) ? null : subjectText(share);
    return el(
      "li",
      { class: "row" },
      icon(share.link ? "link" : "share"),
      el(
        "div",
        { class: "row-body" },
        el("strong", null, share.user ?? "A link"),
        of ? el("p", null, of) : null,
        el("p", { class: "muted" }, parts(share, this.app.user.name).flatMap((part, index) => (index > 0 ? [", ", ...part] : part))),
      ),
      el("button", { type: "button", class: "button button-small", onclick: () => this.end(share, whom) },
        "Take back", el("span", { class: "visually-hidden" }, ` “${share.title}” from ${whom}`)),
    );
  }

  /** @param {Share} share @param {string} whom */
  async end(share, whom) {
    try {
      await takeBack(this.app.api, share.id);
      this.options.tell(share.link ? "The link opens nothing any more." : `It is no longer shared with ${whom}.`, "good");
    } catch (error) {
      this.options.tell(explain(error), "bad");
    }
    await this.load();
  }
}

/** @param {Share} share */
function subjectText({ tag, title }) {
  return tag === null ? title : `Everything tagged “${tag}”`;
}

/**
 * What a share allows, from when, until when.
 * @param {Share} share
 * @param {string} me
 * @returns {(string | Node)[][]}
 */
function parts(share, me) {
  const all = [[RIGHTS[share.rights]], share.expires_at ? ["until ", when(share.expires_at)] : ["until it is taken back"]];
  if (share.owner !== me) all.unshift([`by ${share.owner}`]);
  if (share.link) all.push(share.used_at ? ["last opened ", when(share.used_at)] : ["never opened"]);
  return all;
}

/** @param {string} iso */
function when(iso) {
  return el("time", { datetime: iso, title: fullMoment(iso) }, moment(iso));
}
