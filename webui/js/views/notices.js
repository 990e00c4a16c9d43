/** Notices of one's jobs: webhooks, and e-mail. What the box does not offer is not shown. */

import { el, fill, show } from "../dom.js";
import { choice, field, form } from "../form.js";
import { explain } from "../messages.js";
import { endsChecks, webhookForm } from "./webhook_form.js";
import { WebhookRow } from "./webhook_row.js";

/** @import { App } from "../types.js" */
/** @import { JobEnd } from "./webhook_form.js" */
/** @import { Webhook } from "./webhook_row.js" */

/**
 * @typedef {object} Mail
 * @property {boolean} available
 * @property {string | null} address
 * @property {JobEnd[]} events
 * @property {boolean} title
 */

const TITLES = [
  { value: "no", label: "No, only which job it is" },
  { value: "yes", label: "Yes" },
];

/**
 * @param {App} app
 * @returns {HTMLElement}
 */
export function noticesPanels(app) {
  const node = el("div", { class: "notices" });
  if (app.user.role === "viewer") return node; // They have no jobs.
  const webhooks = el("section", { class: "panel", "aria-labelledby": "webhooks-title", hidden: true });
  const mail = el("section", { class: "panel", "aria-labelledby": "mail-title", hidden: true });
  node.append(mail, webhooks);
  fillWebhooks(app, webhooks).catch((error) => app.notify(explain(error)));
  fillMail(app, mail).catch((error) => app.notify(explain(error)));
  return node;
}

/** @param {App} app @param {HTMLElement} panel */
async function fillMail(app, panel) {
  /** @type {Mail} */
  const now = await app.api.request("GET", "/api/notices/mail");
  if (!now.available) return;
  const address = field({ label: "Address", name: "email", type: "email", required: true, maxlength: 254, autocomplete: "email", value: now.address ?? "" });
  const ends = endsChecks(now.events);
  const title = choice({ label: "With the title of the recording?", options: TITLES, value: now.title ? "yes" : "no" });
  const change = form({
    fields: [address],
    extra: [ends.node, title.node],
    submit: now.address ? "Change" : "Send me e-mail",
    check: ends.check,
    send: async () => {
      const json = { address: address.input.value.trim(), events: ends.events(), title: title.select.value === "yes" };
      await app.api.request("PUT", "/api/notices/mail", { json });
      app.notify("From now on you get an e-mail when that happens.", "good");
      await fillMail(app, panel);
    },
  });
  const stop = el("button", { type: "button", class: "button", onclick: async () => {
    try {
      await app.api.request("DELETE", "/api/notices/mail");
      app.notify("No more e-mail.", "good");
      await fillMail(app, panel);
    } catch (error) {
      app.notify(explain(error));
    }
  } }, "No more e-mail");
  show(stop, now.address !== null);
  fill(panel, el("h2", { id: "mail-title" }, "E-mail when a transcript is ready"), change, stop);
  show(panel, true);
}

/** @param {App} app @param {HTMLElement} panel */
async function fillWebhooks(app, panel) {
  /** @type {{webhooks: Webhook[], available: boolean}} */
  const answer = await app.api.request("GET", "/api/webhooks");
  if (!answer.available) return;
  const heading = el("h2", { id: "webhooks-title", tabindex: -1 }, "Webhooks");
  const list = el("ul", { class: "webhooks" });
  const add = (/** @type {Webhook} */ webhook) => list.append(new WebhookRow(app, webhook, () => heading.focus()).node);
  answer.webhooks.forEach(add);
  const secret = el("div", { class: "fresh-key", hidden: true });
  const place = el("div");
  const renew = () => fill(place, webhookForm({
    submit: "Add a webhook",
    send: async (wishes) => {
      const { secret: value, ...made } = await app.api.request("POST", "/api/webhooks", { json: wishes });
      add(made);
      renew();
      showSecret(secret, value);
    },
  }));
  renew();
  fill(
    panel,
    heading,
    el("p", { class: "muted" }, "The box calls the address when a job ends, signed as Standard Webhooks has it. It sends no text."),
    list,
    secret,
    el("h3", null, "A new webhook"),
    place,
  );
  show(panel, true);
}

/** @param {HTMLElement} place @param {string} secret */
function showSecret(place, secret) {
  const title = el("h3", { tabindex: -1 }, "Its signing secret");
  fill(place, title, el("p", null, "Copy it now: it is not shown again."), el("code", { class: "secret", tabindex: 0 }, secret));
  show(place, true);
  title.focus();
}
