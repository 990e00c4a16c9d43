/** What an administrator changes about an account. */

import { confirmDialog } from "../dialog.js";
import { el, uniqueId } from "../dom.js";
import { accountName, choice, field, form } from "../form.js";
import { ROLES, explain } from "../messages.js";
import { changeUser, endSignInsOf, removeSecondFactorOf, resetPassword } from "../people.js";
import { PASSWORD_RULES } from "./welcome.js";

/** @import { Account, App } from "../types.js" */

/**
 * Shows what can be changed in a modal dialog, and tells the box.
 * @param {App} app
 * @param {Account} user
 * @returns {Promise<boolean>} whether anything was changed
 */
export function userDialog(app, user) {
  const titleId = uniqueId("dialog-title");
  let changed = false;
  /** @param {string} done */
  const told = (done) => {
    changed = true;
    dialog.close();
    app.notify(done, "good");
  };
  const close = () => dialog.close();
  const dialog = el(
    "dialog",
    { class: "dialog dialog-tall", "aria-labelledby": titleId },
    el("h2", { id: titleId }, user.name),
    roleForm(app, user, told),
    passwordForm(app, user, told),
    access(app, user, told),
    el("div", { class: "dialog-buttons" }, el("button", { type: "button", class: "button", onclick: close }, "Close")),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(changed);
    });
    dialog.showModal();
  });
}

/** @param {App} app @param {Account} user @param {(done: string) => void} told */
function roleForm(app, user, told) {
  const role = choice({ label: "Role", options: ROLES.map(({ id, label }) => ({ value: id, label })), value: user.role });
  const node = form({
    fields: [],
    submit: "Save the role",
    send: async () => {
      const { role: now } = await changeUser(app.api, user.name, { role: role.select.value });
      told(`${user.name} is now: ${ROLES.find(({ id }) => id === now)?.label ?? now}.`);
    },
  });
  node.prepend(role.node);
  return node;
}

/** @param {App} app @param {Account} user @param {(done: string) => void} told */
function passwordForm(app, user, told) {
  const password = field({
    label: "New password", name: "password", type: "password", autocomplete: "new-password", ...PASSWORD_RULES,
    hint: "Ends all their sign-ins. Tell it to them in person.",
  });
  return form({
    fields: [password],
    extra: [accountName(user.name)],
    submit: "Set the password",
    send: async () => {
      await resetPassword(app.api, user.name, password.input.value);
      told(`${user.name} has a new password.`);
    },
  });
}

/** @param {App} app @param {Account} user @param {(done: string) => void} told */
function access(app, user, told) {
  /** @param {string} label @param {() => Promise<unknown>} change @param {string} done */
  const button = (label, change, done) => el("button", { type: "button", class: "button", onclick: async () => {
    try {
      await change();
      told(done);
    } catch (error) {
      app.notify(explain(error));
    }
  } }, label);
  const mine = user.name === app.user.name;
  return el(
    "div",
    { class: "button-row" },
    mine ? null : button("Sign out everywhere", () => endSignInsOf(app.api, user.name), `${user.name} is signed out everywhere.`),
    user.second_factor ? button("Switch the second factor off", () => removeSecondFactorOf(app.api, user.name), `${user.name} signs in with the password alone.`) : null,
    user.disabled ? button("Enable", () => changeUser(app.api, user.name, { disabled: false }), `${user.name} can sign in again.`) : null,
    user.disabled || mine ? null : el("button", { type: "button", class: "button", onclick: async () => {
      if (await disable(app, user)) told(`${user.name} is disabled.`);
    } }, "Disable"),
  );
}

/** @param {App} app @param {Account} user */
async function disable(app, user) {
  const sure = await confirmDialog({
    title: `Disable ${user.name}?`,
    text: "All sign-ins and API keys of the account end at once, and the keys stay ended. Recordings stay, and you can enable the account again.",
    yes: "Disable",
  });
  if (!sure) return false;
  try {
    await changeUser(app.api, user.name, { disabled: true });
  } catch (error) {
    app.notify(explain(error));
    return false;
  }
  return true;
}
