/** One's own account: how much it keeps, what it shares, the password, the second factor, and where it is signed in. */

import { el } from "../dom.js";
import { accountName, field, form } from "../form.js";
import { ROLES } from "../messages.js";
import { glossarySection } from "./glossary.js";
import { secondFactorPanel } from "./second_factor.js";
import { ShareList } from "./share_list.js";
import { signInsPanel } from "./sign_ins.js";
import { noticesPanels } from "./notices.js";
import { space } from "./space.js";
import { PASSWORD_RULES, sameTwice } from "./welcome.js";

/** @import { App, View } from "../types.js" */
/** @import { ListOptions } from "./share_list.js" */

/**
 * @param {App} app
 * @returns {View}
 */
export function accountView(app) {
  const old = field({ label: "Password now", name: "old", type: "password", autocomplete: "current-password", required: true });
  const fresh = field({ label: "New password", name: "new", type: "password", autocomplete: "new-password", ...PASSWORD_RULES, hint: "At least 8 characters." });
  const again = field({ label: "New password once more", name: "again", type: "password", autocomplete: "new-password", required: true });
  const change = form({
    fields: [old, fresh, again],
    extra: [accountName(app.user.name)],
    submit: "Change the password",
    check: () => sameTwice(fresh, again),
    send: async () => {
      await app.api.changePassword(old.input.value, fresh.input.value);
      for (const { input } of [old, fresh, again]) input.value = "";
      app.notify("The password was changed.", "good");
      await places.load();
    },
  });
  const kept = space(app);
  const factor = secondFactorPanel(app);
  const places = signInsPanel(app);
  for (const part of [kept, factor, places]) part.load();
  const role = ROLES.find(({ id }) => id === app.user.role)?.label ?? app.user.role;
  return {
    title: "Your account",
    node: el(
      "div",
      { class: "page page-narrow" },
      el("h1", { tabindex: -1, class: "page-title" }, "Your account"),
      el("p", { class: "lead" }, "You are signed in as ", el("strong", null, app.user.name), ` (${role}).`),
      kept.node,
      app.user.role === "viewer" ? null : glossarySection(app),
      app.user.role === "viewer" ? null : sharesPanel(app),
      receivedPanel(app),
      el("section", { class: "panel", "aria-labelledby": "password-title" }, el("h2", { id: "password-title" }, "Change the password"), change),
      factor.node,
      places.node,
      noticesPanels(app),
    ),
  };
}

/** What one gives others, and for administrators what anybody gives. @param {App} app */
function sharesPanel(app) {
  const all = app.user.role === "admin";
  return listPanel(app, "shares-title", all ? "What is shared" : "What you share", {
    nothing: all ? "Nobody shares anything." : "You share nothing. A transcript is shared on its own page.",
  }, all ? "Everybody's, with people and by links." : "With people and by links.");
}

/** What others share, which can be left. @param {App} app */
function receivedPanel(app) {
  return listPanel(app, "received-title", "Shared with you", { subjects: [{ received: "1" }], nothing: "Nobody shares anything with you." });
}

/**
 * @param {App} app
 * @param {string} id of the heading
 * @param {string} title
 * @param {Pick<ListOptions, "subjects" | "nothing">} options
 * @param {string} [more] beneath the heading
 */
function listPanel(app, id, title, options, more) {
  const heading = el("h2", { id, tabindex: -1 }, title);
  const list = new ShareList(app, { ...options, tell: app.notify, heading });
  list.load();
  return el("section", { class: "panel", "aria-labelledby": id }, heading, more ? el("p", { class: "muted" }, more) : null, list.node);
}
