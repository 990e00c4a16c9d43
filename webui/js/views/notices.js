/** Notices of one's jobs: webhooks, and e-mail. What the box does not offer is not shown. */

import { confirmDialog } from "../dialog.js";
import { el, fill, show } from "../dom.js";
import { choice, field, form } from "../form.js";
import { fullMoment, moment } from "../format.js";
import { explain } from "../messages.js";

/** @import { App } from "../types.js" */

/**
 * @typedef {object} Webhook
 * @property {string} id
 * @property {string} url
 * @property {boolean} enabled
 * @property {"user" | "failing" | "gone" | null} disabled
 * @property {string | null} last_success_at
 * @property {string | null} last_error
 * @property {string | null} last_error_at
 *
 * @typedef {object} Mail
 * @property {boolean} available
 * @property {string | null} address
 * @property {boolean} title
 */

const TITLES = [
  { value: "no", label: "No, only which job it is" },
  { value: "yes", label: "Yes" },
];

const WHY_OFF = {
  user: "Switched off.",
  failing: "Switched off by the box: it failed for a whole day.",
  gone: "Switched off by the box: the receiver said that it is gone.",
};

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
  const title = choice({ label: "With the title of the recording?", options: TITLES, value: now.title ? "yes" : "no" });
  const change = form({
    fields: [address],
    extra: [title.node],
    submit: now.address ? "Change" : "Send me e-mail",
    send: async () => {
      const json = { address: address.input.value.trim(), title: title.select.value === "yes" };
      await app.api.request("PUT", "/api/notices/mail", { json });
      app.notify("You get an e-mail when a transcript is ready, or when one fails.", "good");
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
  const answer = await app.api.request("GET", "/api/webhooks");
  if (!answer.available) return;
  const reload = () => fillWebhooks(app, panel);
  const secret = el("div", { class: "fresh-key", hidden: true });
  const url = field({ label: "Address", name: "url", type: "url", required: true, maxlength: 2000, placeholder: "https://" });
  const add = form({
    fields: [url],
    submit: "Add a webhook",
    send: async () => {
      const made = await app.api.request("POST", "/api/webhooks", { json: { url: url.input.value.trim() } });
      await reload();
      const place = panel.querySelector(".fresh-key");
      if (!(place instanceof HTMLElement)) return;
      fill(place, el("h3", { tabindex: -1 }, "Its signing secret"), el("p", null, "Copy it now: it is not shown again."),
        el("code", { class: "secret", tabindex: 0 }, made.secret));
      show(place, true);
      place.querySelector("h3")?.focus();
    },
  });
  fill(
    panel,
    el("h2", { id: "webhooks-title" }, "Webhooks"),
    el("p", { class: "muted" }, "The box calls the address when a transcript is ready or fails, signed as Standard Webhooks has it. It sends no text."),
    answer.webhooks.length > 0 ? el("ul", { class: "webhooks" }, answer.webhooks.map((/** @type {Webhook} */ each) => row(app, each, reload))) : null,
    secret,
    add,
  );
  show(panel, true);
}

/** @param {App} app @param {Webhook} webhook @param {() => Promise<void>} reload */
function row(app, webhook, reload) {
  const path = `/api/webhooks/${encodeURIComponent(webhook.id)}`;
  const act = (/** @type {() => Promise<unknown>} */ work, /** @type {string} */ said) => async () => {
    try {
      await work();
      app.notify(said, "good");
      await reload();
    } catch (error) {
      app.notify(explain(error));
    }
  };
  const button = (/** @type {string} */ label, /** @type {() => Promise<void>} */ onclick) =>
    el("button", { type: "button", class: "button button-small", onclick }, label, el("span", { class: "visually-hidden" }, ` ${webhook.url}`));
  const remove = async () => {
    const sure = await confirmDialog({ title: "Remove this webhook?", text: `${webhook.url} is not called any more.`, yes: "Remove" });
    if (sure) await act(() => app.api.request("DELETE", path), "The webhook was removed.")();
  };
  const turn = act(
    () => app.api.request("PATCH", path, { json: { enabled: !webhook.enabled } }),
    webhook.enabled ? "The webhook is off." : "The webhook is on.",
  );
  return el(
    "li",
    null,
    el("code", { class: "long-word" }, webhook.url),
    el("p", { class: "muted" }, state(webhook)),
    el("div", { class: "downloads" },
      webhook.enabled ? button("Test", act(() => app.api.request("POST", `${path}/test`), "A test is on its way.")) : null,
      button(webhook.enabled ? "Switch off" : "Switch on", turn),
      button("Remove", remove)),
  );
}

/** @param {Webhook} webhook */
function state({ disabled, last_error: error, last_error_at: failed, last_success_at: worked }) {
  const when = (/** @type {string} */ iso) => el("time", { datetime: iso, title: fullMoment(iso) }, moment(iso));
  const parts = [disabled ? `${WHY_OFF[disabled]} ` : null];
  if (error && failed && !(worked && worked > failed)) return [...parts, "Failed ", when(failed), `: ${error}`];
  return worked ? [...parts, "Worked ", when(worked), "."] : [...parts, "Not called yet."];
}
