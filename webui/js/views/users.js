/** The people who may use the box; for administrators. */

import { confirmDialog } from "../dialog.js";
import { el, fill } from "../dom.js";
import { choice, field, form } from "../form.js";
import { fullMoment, moment, size } from "../format.js";
import { ROLES, explain } from "../messages.js";
import { quotaDialog } from "./quota.js";
import { userDialog } from "./user_dialog.js";
import { PASSWORD_RULES } from "./welcome.js";

/** @import { Account, App, User, View } from "../types.js" */

/**
 * @param {App} app
 * @returns {View}
 */
export function usersView(app) {
  const list = el("div", { class: "table-wrap" });
  const load = async () => {
    try {
      fill(list, table(app, (await app.api.users()).users, load));
    } catch (error) {
      fill(list, el("p", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
  };
  const name = field({ label: "Name", name: "name", required: true, maxlength: 64, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const password = field({
    label: "First password", name: "password", type: "password", autocomplete: "new-password", ...PASSWORD_RULES,
    hint: "At least 8 characters. They can change it after signing in.",
  });
  const role = choice({
    label: "Role",
    options: ROLES.map(({ id, label }) => ({ value: id, label })),
    value: "user",
    hint: "Users send recordings and see their own. Viewers send nothing. Administrators see everything and add users.",
  });
  const add = form({
    fields: [name, password],
    extra: [role.node],
    submit: "Add",
    send: async () => {
      const added = name.input.value.trim();
      await app.api.addUser({ name: added, password: password.input.value, role: role.select.value });
      app.notify(`${added} can sign in now.`, "good");
      name.input.value = "";
      password.input.value = "";
      await load();
      name.input.focus();
    },
  });
  load();
  return {
    title: "Users",
    node: el(
      "div",
      { class: "page page-narrow page-tables" },
      el("h1", { tabindex: -1, class: "page-title" }, "Users"),
      el("section", { "aria-label": "Everybody" }, list),
      el("section", { class: "panel", "aria-labelledby": "add-user" }, el("h2", { id: "add-user" }, "Add somebody"), add),
    ),
  };
}

/**
 * @param {App} app
 * @param {Account[]} users
 * @param {() => Promise<void>} reload
 */
function table(app, users, reload) {
  const remove = async (/** @type {User} */ user) => {
    const sure = await confirmDialog({
      title: `Remove ${user.name}?`,
      text: "The account can no longer sign in and its API keys stop working. Recordings that belong to it stay on the box.",
      yes: "Remove",
    });
    if (!sure) return;
    try {
      await app.api.removeUser(user.name);
      app.notify(`${user.name} can no longer sign in.`, "good");
    } catch (error) {
      app.notify(explain(error));
    }
    await reload();
  };
  const manage = async (/** @type {Account} */ user) => {
    if (await userDialog(app, user)) await reload();
  };
  const limit = async (/** @type {Account} */ user) => {
    if (!(await quotaDialog(app, user))) return;
    app.notify(`The space of ${user.name} was changed.`, "good");
    await reload();
  };
  return el(
    "table",
    { class: "table" },
    el("thead", null, el("tr", null, ["Name", "Role", "Keeps", "Since"].map((title) => el("th", { scope: "col" }, title)),
      el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Actions")))),
    el("tbody", null, users.map((user) => el(
      "tr",
      null,
      el("th", { scope: "row" }, user.name, user.name === app.user.name ? el("span", { class: "muted" }, " (you)") : null,
        user.disabled ? el("span", { class: "muted" }, " (disabled)") : null,
        user.second_factor ? el("span", { class: "muted" }, " (second factor)") : null),
      el("td", { dataset: { label: "Role" } }, ROLES.find(({ id }) => id === user.role)?.label ?? user.role),
      el("td", { dataset: { label: "Keeps" } }, size(user.used_bytes),
        user.quota_bytes ? el("span", { class: "muted" }, ` of ${size(user.quota_bytes)}`) : null),
      el("td", { dataset: { label: "Since" } }, el("time", { datetime: user.created_at, title: fullMoment(user.created_at) }, moment(user.created_at))),
      el("td", { class: "table-actions" }, el("div", { class: "button-row" },
        el("button", { type: "button", class: "button button-small", onclick: () => manage(user) },
          "Manage", el("span", { class: "visually-hidden" }, ` ${user.name}`)),
        el("button", { type: "button", class: "button button-small", onclick: () => limit(user) },
          "Space", el("span", { class: "visually-hidden" }, ` of ${user.name}`)),
        user.name === app.user.name || user.disabled ? null
        : el("button", { type: "button", class: "button button-small", onclick: () => remove(user) },
          "Remove", el("span", { class: "visually-hidden" }, ` ${user.name}`)))),
    ))),
  );
}
