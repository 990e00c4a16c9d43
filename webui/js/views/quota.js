/** How much an account may keep, set by an administrator. */

import { el, show, uniqueId } from "../dom.js";
import { choice, field, form } from "../form.js";

/** @import { App, Account } from "../types.js" */

const GIGABYTE = 1e9;

/** @typedef {"settings" | "none" | "own"} Kind */

/**
 * Asks in a modal dialog, and tells the box.
 * @param {App} app
 * @param {Account} user
 * @returns {Promise<boolean>} whether it was changed
 */
export function quotaDialog(app, user) {
  const titleId = uniqueId("dialog-title");
  const amount = field({
    label: "Gigabytes", name: "gigabytes", type: "number", min: "0.001", step: "any", inputmode: "decimal", required: true,
    value: user.quota_bytes ? String(user.quota_bytes / GIGABYTE) : "",
  });
  const kind = choice({
    label: "What they may keep",
    options: [
      { value: "settings", label: "What the settings of the box say" },
      { value: "own", label: "A limit of their own" },
      { value: "none", label: "As much as fits" },
    ],
    value: kindOf(user),
    onchange: () => paint(),
  });
  const paint = () => {
    const own = kind.select.value === "own";
    show(amount.node, own);
    amount.input.disabled = !own;
  };
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": titleId });
  const edited = form({
    fields: [amount],
    submit: "Save",
    cancel: () => dialog.close(""),
    send: async () => {
      await app.api.setQuota(user.name, bytesOf(/** @type {Kind} */ (kind.select.value), Number(amount.input.value)));
      dialog.close("saved");
    },
  });
  edited.prepend(kind.node);
  dialog.append(el("h2", { id: titleId }, `Space for ${user.name}`), edited);
  paint();
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "saved");
    });
    dialog.showModal();
  });
}

/** @param {Account} user @returns {Kind} */
function kindOf(user) {
  if (user.quota_bytes === null) return "settings";
  return user.quota_bytes === 0 ? "none" : "own";
}

/**
 * As the box has it: null follows the settings, 0 is no limit.
 * @param {Kind} kind
 * @param {number} gigabytes
 */
function bytesOf(kind, gigabytes) {
  if (kind === "settings") return null;
  return kind === "none" ? 0 : Math.round(gigabytes * GIGABYTE);
}
