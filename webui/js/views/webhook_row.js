/** One webhook: how it does, what it tells, and what can be done with it. */

import { confirmDialog } from "../dialog.js";
import { el, fill, setText, show } from "../dom.js";
import { fullMoment, moment } from "../format.js";
import { explain } from "../messages.js";
import { Deliveries } from "./deliveries.js";
import { eventLabel, webhookForm } from "./webhook_form.js";

/** @import { App } from "../types.js" */
/** @import { WebhookWishes } from "./webhook_form.js" */

/**
 * @typedef {object} WebhookState
 * @property {string} id
 * @property {boolean} enabled
 * @property {"user" | "failing" | "gone" | null} disabled
 * @property {string | null} last_success_at
 * @property {string | null} last_error
 * @property {string | null} last_error_at
 */
/** @typedef {WebhookWishes & WebhookState} Webhook */

const WHY_OFF = {
  user: "Switched off.",
  failing: "Switched off by the box: it failed for a whole day.",
  gone: "Switched off by the box: the receiver said that it is gone.",
};

export class WebhookRow {
  /**
   * @param {App} app
   * @param {Webhook} webhook
   * @param {() => void} onRemoved
   */
  constructor(app, webhook, onRemoved) {
    this.app = app;
    this.webhook = webhook;
    this.onRemoved = onRemoved;
    this.path = `/api/webhooks/${encodeURIComponent(webhook.id)}`;
    /** The address within each button, so that one webhook's are told from another's. @type {HTMLElement[]} */
    this.names = [];
    this.url = el("code", { class: "long-word" });
    this.state = el("p", { class: "muted" });
    this.tells = el("p", { class: "muted" });
    this.test = this.button("Test", () => this.sendTest());
    this.change = this.button("Change", () => this.openForm());
    this.turnLabel = el("span");
    this.turn = this.button(this.turnLabel, () => this.send({ enabled: !this.webhook.enabled }));
    this.sent = this.button("Deliveries", () => this.toggleDeliveries());
    this.sent.setAttribute("aria-expanded", "false");
    this.change.setAttribute("aria-expanded", "false");
    this.form = el("div", { class: "webhook-form", hidden: true });
    /** What was sent, while it is shown. @type {Deliveries | null} */
    this.deliveries = null;
    this.place = el("div", { class: "delivery-place", hidden: true });
    this.node = el(
      "li", null, this.url, this.state, this.tells,
      el("div", { class: "button-row" }, this.test, this.change, this.sent, this.turn, this.button("Remove", () => this.remove())),
      this.form, this.place,
    );
    this.paint();
  }

  /** @param {string | Node} label @param {() => void} onclick */
  button(label, onclick) {
    const name = el("span", { class: "visually-hidden" });
    this.names.push(name);
    return el("button", { type: "button", class: "button button-small", onclick }, label, name);
  }

  paint() {
    const { webhook } = this;
    setText(this.url, webhook.url);
    fill(this.state, stateOf(webhook));
    const jobs = webhook.every_job ? "of all your jobs" : "of jobs that name it";
    setText(this.tells, `Tells ${jobs}${webhook.title ? ", with the title" : ""}: ${webhook.events.map(eventLabel).join(", ")}.`);
    show(this.test, webhook.enabled);
    setText(this.turnLabel, webhook.enabled ? "Switch off" : "Switch on");
    for (const name of this.names) setText(name, ` ${webhook.url}`);
    if (this.deliveries) this.deliveries.enabled = webhook.enabled;
  }

  /** @param {Partial<WebhookWishes> & {enabled?: boolean}} changes */
  async patch(changes) {
    this.webhook = await this.app.api.request("PATCH", this.path, { json: changes });
    this.paint();
    this.deliveries?.load(null);
  }

  /** @param {{enabled: boolean}} changes */
  async send(changes) {
    try {
      await this.patch(changes);
      this.app.notify(changes.enabled ? "The webhook is on." : "The webhook is off.", "good");
    } catch (error) {
      this.app.notify(explain(error));
    }
  }

  async sendTest() {
    try {
      await this.app.api.request("POST", `${this.path}/test`);
      this.app.notify("A test is on its way.", "good");
      await this.deliveries?.load(null);
    } catch (error) {
      this.app.notify(explain(error));
    }
  }

  openForm() {
    if (!this.form.hidden) {
      this.closeForm();
      return;
    }
    fill(this.form, webhookForm({
      now: this.webhook,
      submit: "Save",
      send: async (wishes) => {
        await this.patch(wishes);
        this.closeForm();
        this.app.notify("The webhook was changed.", "good");
      },
      cancel: () => this.closeForm(),
    }));
    show(this.form, true);
    this.change.setAttribute("aria-expanded", "true");
    this.form.querySelector("input")?.focus();
  }

  closeForm() {
    show(this.form, false);
    fill(this.form);
    this.change.setAttribute("aria-expanded", "false");
    this.change.focus();
  }

  async toggleDeliveries() {
    const open = this.deliveries === null;
    this.deliveries = open ? new Deliveries(this.app, this.webhook) : null;
    fill(this.place, this.deliveries?.node);
    show(this.place, open);
    this.sent.setAttribute("aria-expanded", String(open));
    await this.deliveries?.load(null);
  }

  async remove() {
    const sure = await confirmDialog({ title: "Remove this webhook?", text: `${this.webhook.url} is not called any more.`, yes: "Remove" });
    if (!sure) return;
    try {
      await this.app.api.request("DELETE", this.path);
    } catch (error) {
      this.app.notify(explain(error));
      return;
    }
    this.node.remove();
    this.onRemoved();
    this.app.notify("The webhook was removed.", "good");
  }
}

/** @param {Webhook} webhook */
function stateOf({ disabled, last_error: error, last_error_at: failed, last_success_at: worked }) {
  const when = (/** @type {string} */ iso) => el("time", { datetime: iso, title: fullMoment(iso) }, moment(iso));
  const parts = [disabled ? `${WHY_OFF[disabled]} ` : null];
  if (error && failed && !(worked && worked > failed)) return [...parts, "Failed ", when(failed), `: ${error}`];
  return worked ? [...parts, "Worked ", when(worked), "."] : [...parts, "Not called yet."];
}
