/** API keys: make one (it is shown once), see them, revoke them. */

import { copyText } from "../clipboard.js";
import { confirmDialog } from "../dialog.js";
import { el, fill, show } from "../dom.js";
import { field, form } from "../form.js";
import { fullMoment, moment } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";

/** @import { App, View } from "../types.js" */

/**
 * @param {App} app
 * @returns {View}
 */
export function keysView(app) {
  const fresh = el("div", { class: "fresh-key", hidden: true });
  const list = el("div", { class: "table-wrap" });
  const load = async () => {
    try {
      const { keys } = await app.api.keys();
      fill(list, keys.length > 0 ? table(app, keys, load) : el("p", { class: "empty" }, "You have no API keys."));
    } catch (error) {
      fill(list, el("p", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
  };
  const name = field({ label: "What is it for?", name: "name", required: true, maxlength: 64, hint: "For example: dictation folder, intranet, my scripts." });
  const create = form({
    fields: [name],
    submit: "Create a key",
    send: async () => {
      const { secret } = await app.api.createKey(name.input.value.trim());
      showSecret(app, fresh, secret);
      name.input.value = "";
      await load();
    },
  });
  load();
  return {
    title: "API keys",
    node: el(
      "div",
      { class: "page page-narrow" },
      el("h1", { tabindex: -1, class: "page-title" }, "API keys"),
      el("p", { class: "lead" }, "A key lets a program use this box in your name. Send it as ", el("code", null, "Authorization: Bearer KEY"), ". ",
        el("a", { href: "#/reference" }, "What a program can do with it"), "."),
      el("section", { class: "panel", "aria-label": "New key" }, create, fresh),
      el("section", { "aria-labelledby": "keys-title" }, el("h2", { id: "keys-title" }, "Your keys"), list),
    ),
  };
}

/**
 * @param {App} app
 * @param {HTMLElement} place
 * @param {string} secret
 */
function showSecret(app, place, secret) {
  const text = el("code", { class: "secret", tabindex: 0 }, secret);
  const copy = el(
    "button",
    { type: "button", class: "button button-primary", onclick: async () => {
      if (await copyText(secret)) app.notify("The key is on the clipboard.", "good");
      else app.notify("The browser did not allow copying. Mark the key and copy it by hand.");
    } },
    icon("copy"), "Copy the key",
  );
  const done = el("button", { type: "button", class: "button", onclick: () => {
    fill(place);
    show(place, false);
  } }, "I have stored it");
  fill(place, el("h2", { tabindex: -1 }, "Your new key"), el("p", null, "Copy it now: it is not shown again, and the box keeps only a fingerprint of it."),
    text, el("div", { class: "button-row" }, copy, done));
  show(place, true);
  place.querySelector("h2")?.focus();
}

/**
 * @param {App} app
 * @param {{id: number | string, name: string, created_at: string, last_used_at?: string | null}[]} keys
 * @param {() => Promise<void>} reload
 */
function table(app, keys, reload) {
  const revoke = async (/** @type {typeof keys[number]} */ key) => {
    const sure = await confirmDialog({
      title: "Revoke this key?",
      text: `Programs that use “${key.name}” lose access at once. This cannot be undone.`,
      yes: "Revoke",
    });
    if (!sure) return;
    try {
      await app.api.revokeKey(key.id);
      app.notify("The key was revoked.", "good");
    } catch (error) {
      app.notify(explain(error));
    }
    await reload();
  };
  const when = (/** @type {string | null | undefined} */ iso, /** @type {string} */ never) =>
    iso ? el("time", { datetime: iso, title: fullMoment(iso) }, moment(iso)) : never;
  return el(
    "table",
    { class: "table" },
    el("thead", null, el("tr", null, ["Name", "Created", "Last used"].map((title) => el("th", { scope: "col" }, title)),
      el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Actions")))),
    el("tbody", null, keys.map((key) => el(
      "tr",
      null,
      el("th", { scope: "row" }, key.name),
      el("td", { dataset: { label: "Created" } }, when(key.created_at, "")),
      el("td", { dataset: { label: "Last used" } }, when(key.last_used_at, "never")),
      el("td", { class: "table-actions" }, el("button", { type: "button", class: "button button-small", onclick: () => revoke(key) },
        "Revoke", el("span", { class: "visually-hidden" }, ` ${key.name}`))),
    ))),
  );
}
