/** What was shared, each with a button that takes it back, or leaves what another shares. */

import { el, fill, show } from "../dom.js";
import { fullMoment, moment } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { shares, takeBack } from "../sharing.js";

/** @import { App, Share } from "../types.js" */
/** @import { Received, Subject } from "../sharing.js" */

/** What the rights of a share are called. @type {Record<Share["rights"], string>} */
export const RIGHTS = { read: "may read", edit: "may correct" };

/**
 * @typedef {object} ListOptions
 * @property {(Subject | Received)[]} [subjects] what is shared: of the first the list is, through the others it is open too; without:
 *   everything that one gave
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
    /** What is asked for, and where it goes on; null at the beginning. @type {{subject: Subject | Received | null, cursor: string | null}[]} */
    this.sources = [];
    this.list = el("ul", { class: "rows" });
    this.more = el("button", { type: "button", class: "button button-small", hidden: true, onclick: () => this.next(false) }, "Show more");
    this.node = el("div", null, this.list, this.more);
  }

  async load() {
    this.sources = (this.options.subjects ?? [null]).map((subject) => ({ subject, cursor: null }));
    await this.next(true);
  }

  /** @param {boolean} anew instead of what is shown */
  async next(anew) {
    const { heading, nothing } = this.options;
    const hadFocus = this.node.contains(document.activeElement);
    try {
      const pages = await Promise.all(this.sources.map(({ subject, cursor }) => shares(this.app.api, subject, cursor)));
      const rows = pages.flatMap((page) => page.shares.map((share) => this.row(share)));
      if (anew) fill(this.list, rows.length > 0 ? rows : el("li", { class: "muted" }, nothing));
      else this.list.append(...rows);
      this.sources = this.sources.flatMap(({ subject }, index) => {
        const cursor = pages[index].next;
        return cursor === null ? [] : [{ subject, cursor }];
      });
      if (!anew) rows[0]?.querySelector("button")?.focus();
    } catch (error) {
      fill(this.list, el("li", { class: "notice notice-bad", role: "alert" }, explain(error)));
      this.sources = [];
    }
    show(this.more, this.sources.length > 0);
    if (hadFocus && !this.node.contains(document.activeElement)) heading.focus();
  }

  /** @param {Share} share */
  row(share) {
    const whom = share.user ?? "whoever has the link";
    const received = share.user === this.app.user.name;
    return el(
      "li",
      { class: "row" },
      icon(share.link ? "link" : "share"),
      el(
        "div",
        { class: "row-body" },
        el("strong", null, received ? `From ${share.owner}` : share.user ?? "A link"),
        this.needsSubject(share) ? el("p", null, subjectText(share)) : null,
        el("p", { class: "muted" }, parts(share, this.app.user.name).flatMap((part, index) => (index > 0 ? [", ", ...part] : part))),
      ),
      el("button", { type: "button", class: "button button-small", onclick: () => this.end(share, received ? "you" : whom) },
        received ? "Leave" : "Take back", el("span", { class: "visually-hidden" }, received ? ` “${share.title}”` : ` “${share.title}” from ${whom}`)),
    );
  }

  /** Whether a row says what is shared: not what the list is of. @param {Share} share */
  needsSubject(share) {
    const { subjects } = this.options;
    return !subjects || "received" in subjects[0] || ("recording" in subjects[0] && share.recording === null);
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
  /** @type {(string | Node)[][]} */
  const all = [[RIGHTS[share.rights]], share.expires_at ? ["until ", when(share.expires_at)] : ["until it is taken back"]];
  if (share.owner !== me) all.unshift([`by ${share.owner}`]);
  if (share.link) all.push(share.used_at ? ["last opened ", when(share.used_at)] : ["never opened"]);
  return all;
}

/** @param {string} iso */
function when(iso) {
  return el("time", { datetime: iso, title: fullMoment(iso) }, moment(iso));
}
