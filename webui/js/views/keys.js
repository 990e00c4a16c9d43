/** API keys: make one (it is shown once), see them, revoke them. */

import { checks } from "../checks.js";
import { copyText } from "../clipboard.js";
import { confirmDialog } from "../dialog.js";
import { el, fill, show } from "../dom.js";
import { choice, field, form } from "../form.js";
import { fullMoment, moment } from "../format.js";
import { icon } from "../icons.js";
import { SCOPES, explain } from "../messages.js";
import { createKey, keys, revokeKey } from "../people.js";

/** @import { ApiKey, App, Scope, View } from "../types.js" */

const ENDS = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "", label: "Only when it is revoked" },
];

/**
 * @param {App} app
 * @returns {View}
 */
export function keysView(app) {
  const fresh = el("div", { class: "fresh-key", hidden: true });
  const list = el("div", { class: "table-wrap" });
  const load = async () => {
    try {
      const { keys: found } = await keys(app.api);
      fill(list, found.length > 0 ? table(app, found, load) : el("p", { class: "empty" }, "You have no API keys."));
    } catch (error) {
      fill(list, el("p", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
  };
  const name = field({ label: "What is it for?", name: "name", required: true, maxlength: 64, hint: "For example: dictation folder, intranet, my scripts." });
  const scopes = checks({
    legend: "What may it be used for?",
    options: SCOPES.filter(({ id }) => id !== "admin" || app.user.role === "admin")
      .map(({ id, label }) => ({ value: id, label, checked: id === "read" || id === "upload" })),
  });
  const end = choice({ label: "When does it end?", options: ENDS, value: "365" });
  const create = form({
    fields: [name],
    extra: [scopes.node, end.node],
    submit: "Create a key",
    send: async () => {
      const { secret } = await createKey(app.api, {
        name: name.input.value.trim(), scopes: /** @type {Scope[]} */ (scopes.values()), expires_at: endOf(end.select.value),
      });
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
      { class: "page page-narrow page-tables" },
      el("h1", { tabindex: -1, class: "page-title" }, "API keys"),
      el("p", { class: "lead" }, "A key lets a program use this box in your name. Send it as ", el("code", null, "Authorization: Bearer KEY"), ". ",
        el("a", { href: "#/reference" }, "What a program can do with it"), "."),
      el("section", { class: "panel", "aria-label": "New key" }, create, fresh),
      el("section", { "aria-labelledby": "keys-title" }, el("h2", { id: "keys-title" }, "Your keys"), list),
    ),
  };
}

/** @param {string} days */
function endOf(days) {
  return days === "" ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
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
 * @param {ApiKey[]} found
 * @param {() => Promise<void>} reload
 */
function table(app, found, reload) {
  const revoke = async (/** @type {ApiKey} */ key) => {
    const sure = await confirmDialog({
      title: "Revoke this key?",
      text: `Programs that use “${key.name}” lose access at once. This cannot be undone.`,
      yes: "Revoke",
    });
    if (!sure) return;
    try {
      await revokeKey(app.api, key.id);
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
    el("thead", null, el("tr", null, ["Name", "For", "Created", "Ends", "Last used"].map((title) => el("th", { scope: "col" }, title)),
      el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Actions")))),
    el("tbody", null, found.map((key) => el(
      "tr",
      null,
      el("th", { scope: "row" }, key.name),
      el("td", { dataset: { label: "For" } }, key.scopes.join(", ")),
      el("td", { dataset: { label: "Created" } }, when(key.created_at, "")),
      el("td", { dataset: { label: "Ends" } }, key.expires_at && new Date(key.expires_at) < new Date() ? el("strong", null, "has ended") : when(key.expires_at, "never")),
      el("td", { dataset: { label: "Last used" } }, when(key.last_used_at, "never")),
      el("td", { class: "table-actions" }, el("button", { type: "button", class: "button button-small", onclick: () => revoke(key) },
        "Revoke", el("span", { class: "visually-hidden" }, ` ${key.name}`))),
    ))),
  );
}
