/** What was sent to a webhook and what became of it, the newest first; each can be sent again. */

import { el, fill, show } from "../dom.js";
import { fullMoment, moment } from "../format.js";
import { explain } from "../messages.js";
import { eventLabel } from "./webhook_form.js";

/** @import { App } from "../types.js" */

/**
 * @typedef {object} Delivery
 * @property {number} id
 * @property {string} event
 * @property {string | null} job_id
 * @property {"waiting" | "delivered" | "failed"} state
 * @property {number} attempts
 * @property {string} created_at
 * @property {string} due_at of the next attempt, while it waits
 * @property {string | null} tried_at
 * @property {number | null} status
 * @property {string | null} problem
 */

const PAGE = 20;
const COLUMNS = ["Time", "Event", "Outcome", "Attempts", "Next try"];

const OUTCOMES = { waiting: "Waiting", delivered: "Delivered", failed: "Given up" };

export class Deliveries {
  /**
   * @param {App} app
   * @param {{id: string, url: string, enabled: boolean}} webhook
   */
  constructor(app, webhook) {
    this.app = app;
    this.enabled = webhook.enabled;
    this.path = `/api/webhooks/${encodeURIComponent(webhook.id)}/deliveries`;
    /** @type {string | null} */
    this.next = null;
    /** Answers that a newer question made stale are dropped. */
    this.asked = 0;
    this.rows = el("tbody");
    this.table = el(
      "table", { class: "table deliveries", hidden: true },
      el("thead", null, el("tr", null, COLUMNS.map((title) => el("th", { scope: "col" }, title)),
        el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Actions")))),
      this.rows,
    );
    this.empty = el("p", { class: "empty", hidden: true }, "Nothing was sent yet.");
    this.problem = el("p", { class: "notice notice-bad", role: "alert", hidden: true });
    this.older = el("button", { type: "button", class: "button button-small", hidden: true, onclick: () => this.load(this.next) }, "Show older ones");
    this.again = el("button", { type: "button", class: "button button-small", onclick: () => this.refresh() }, "Look again");
    this.node = el(
      "div", { class: "delivery-list", role: "region", "aria-label": `Deliveries to ${webhook.url}` },
      el("div", { class: "table-wrap" }, this.table), this.empty, this.problem, el("div", { class: "button-row" }, this.older, this.again),
    );
  }

  async refresh() {
    await this.load(null);
    if (this.problem.hidden) this.app.announce("The list of deliveries is up to date.");
  }

  /** @param {string | null} cursor null: from the newest on, instead of what is shown */
  async load(cursor) {
    this.asked += 1;
    const { asked } = this;
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor ? { cursor } : {}) });
    try {
      /** @type {{deliveries: Delivery[], next: string | null}} */
      const page = await this.app.api.request("GET", `${this.path}?${query}`);
      if (asked !== this.asked) return;
      this.add(page.deliveries, cursor === null);
      this.next = page.next;
      show(this.older, page.next !== null);
      show(this.problem, false);
    } catch (error) {
      if (asked === this.asked) this.refused(error);
    }
  }

  /** @param {unknown} error */
  refused(error) {
    fill(this.problem, explain(error));
    show(this.problem, true);
  }

  /** @param {Delivery[]} found @param {boolean} anew */
  add(found, anew) {
    if (anew) fill(this.rows);
    const rows = found.map((each) => this.row(each));
    this.rows.append(...rows);
    show(this.table, this.rows.childElementCount > 0);
    show(this.empty, this.rows.childElementCount === 0);
    // The button that was pressed goes once there are no older ones.
    if (!anew) rows[0]?.querySelector("button")?.focus();
  }

  /** @param {Delivery} delivery @returns {HTMLTableRowElement} */
  row(delivery) {
    const label = eventLabel(delivery.event);
    const event = delivery.job_id ? el("a", { href: `#/jobs/${encodeURIComponent(delivery.job_id)}` }, label) : label;
    const resend = el(
      "button", { type: "button", class: "button button-small", onclick: () => this.resend(delivery, node) },
      "Send again", el("span", { class: "visually-hidden" }, `: ${label}, ${fullMoment(delivery.created_at)}`),
    );
    const node = el(
      "tr",
      { dataset: { delivery: delivery.id } },
      el("th", { scope: "row" }, when(delivery.created_at)),
      el("td", { dataset: { label: "Event" } }, event),
      el("td", { dataset: { label: "Outcome" } }, outcome(delivery)),
      el("td", { dataset: { label: "Attempts" } }, delivery.attempts),
      el("td", { dataset: { label: "Next try" } }, this.nextTry(delivery)),
      el("td", { class: "table-actions" }, resend),
    );
    return node;
  }

  /** @param {Delivery} delivery */
  nextTry({ state, due_at: due }) {
    if (state !== "waiting") return "none";
    return this.enabled ? when(due) : "once it is switched on";
  }

  /** @param {Delivery} delivery @param {HTMLTableRowElement} node its row */
  async resend(delivery, node) {
    try {
      /** @type {Delivery} */
      const again = await this.app.api.request("POST", `${this.path}/${delivery.id}/redeliver`);
      const fresh = this.row(again);
      node.replaceWith(fresh);
      fresh.querySelector("button")?.focus();
      this.app.notify("It is sent again.", "good");
    } catch (error) {
      this.app.notify(explain(error));
    }
  }
}

/** @param {string} iso */
function when(iso) {
  return el("time", { datetime: iso, title: fullMoment(iso) }, moment(iso));
}

/** @param {Delivery} delivery */
function outcome({ state, status, problem }) {
  const said = problem ?? (status === null ? "" : `It answered with status ${status}.`);
  // What waits to be sent again may have been answered before.
  return el("span", null, el("strong", null, OUTCOMES[state]), said ? `${state === "waiting" ? ". Last time" : ""}: ${said}` : "");
}
