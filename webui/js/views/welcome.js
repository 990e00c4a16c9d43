/** The pages for people who are not signed in: first-start set-up and sign-in. */

import { el, setText, show } from "../dom.js";
import { field, form } from "../form.js";
import { logo } from "../icons.js";
import { explain } from "../messages.js";
import { beginAtProvider, provider, signIn } from "../people.js";

/** @import { Api } from "../api.js" */
/** @import { User, View } from "../types.js" */

export const PASSWORD_RULES = { minlength: 8, maxlength: 128, required: true };

/** What the address says after a sign-in at the provider that did not work. @type {Record<string, string>} */
const PROVIDER_PROBLEMS = {
  oidc_no_account: "You are known there, but there is no account for you on this box. Ask the administrator.",
  oidc_refused: "The sign-in did not work, or took too long. Begin it again.",
  provider_unreachable: "The sign-in provider does not answer. Try again, or use the password of the box.",
};

/**
 * @param {Api} api
 * @param {(user: User) => void} onSignedIn
 * @returns {View}
 */
export function signInView(api, onSignedIn) {
  const name = field({ label: "Name", name: "name", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = field({ label: "Password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const code = field({ label: "Code", name: "code", autocomplete: "one-time-code", maxlength: 40, hint: "From your authenticator app, or a recovery code." });
  show(code.node, false);
  const send = async () => {
    const who = { name: name.input.value.trim(), password: password.input.value };
    try {
      onSignedIn(await signIn(api, code.input.value ? { ...who, code: code.input.value } : who));
    } catch (error) {
      if (/** @type {any} */ (error).code !== "totp_required") throw error;
      // The name and the password are right.
      show(code.node, true);
      code.input.required = true;
      code.input.focus();
    }
  };
  const node = card("Sign in", "Your recordings stay on this box.", [form({ fields: [name, password, code], submit: "Sign in", send }), atProvider(api)]);
  return { node, title: "Sign in" };
}

/**
 * The other way in, where the box has one; and what became of a try.
 * @param {Api} api
 */
function atProvider(api) {
  const node = el("div", { class: "provider", hidden: true });
  const alert = el("p", { class: "notice notice-bad", role: "alert", hidden: true });
  /** @param {string} words */
  const tell = (words) => {
    setText(alert, words);
    show(alert, true);
    show(node, true);
  };
  const go = async () => {
    try {
      location.assign((await beginAtProvider(api)).url);
    } catch (error) {
      tell(explain(error));
    }
  };
  node.append(alert);
  provider(api).then(({ label }) => {
    if (label === null) return;
    node.append(el("button", { type: "button", class: "button", onclick: go }, `Sign in with ${label}`));
    show(node, true);
  }, () => {
    // The password opens all the same.
  });
  const came = new URLSearchParams(location.search).get("sign_in");
  if (came !== null) {
    history.replaceState(null, "", `/${location.hash}`);
    tell(PROVIDER_PROBLEMS[came] ?? "The sign-in did not work. Try again.");
  }
  return node;
}

/**
 * The first account. The token comes with the link and leaves the address bar once it was used.
 * @param {Api} api
 * @param {string} token
 * @param {(user: User) => void} onSignedIn
 * @returns {View}
 */
export function setupView(api, token, onSignedIn) {
  const name = field({
    label: "Your name", name: "name", autocomplete: "username", required: true, maxlength: 64, autocapitalize: "none",
    spellcheck: "false", hint: "You sign in with it. Short is fine.",
  });
  const password = field({
    label: "Password", name: "password", type: "password", autocomplete: "new-password", ...PASSWORD_RULES,
    hint: "At least 8 characters. A few unrelated words make a good one.",
  });
  const again = field({
    label: "Password once more", name: "again", type: "password", autocomplete: "new-password", required: true,
  });
  const node = card("Welcome to Stenobox", "Create the first account. It is the administrator's: it can add the others.", [
    form({
      fields: [name, password, again],
      submit: "Create the account",
      check: () => sameTwice(password, again),
      send: async () => onSignedIn(await api.setUp(token, name.input.value.trim(), password.input.value)),
    }),
  ]);
  return { node, title: "Set up" };
}

/**
 * What a visitor sees while the box has no account and the visitor has no link.
 * @returns {View}
 */
export function setupNeededView() {
  const node = card("This box is not set up yet", "Nobody has an account here so far.", [
    el(
      "p",
      null,
      "To create the first one, open the set-up link that the box printed when it started. It looks like ",
      el("code", null, "http://…/setup#token=…"),
      " and stands in the terminal, or in the journal: ",
      el("code", null, "journalctl -u stenobox"),
      ".",
    ),
    el("button", { type: "button", class: "button", onclick: () => location.reload() }, "Look again"),
  ]);
  return { node, title: "Not set up" };
}

/**
 * @param {import("../form.js").Field} password
 * @param {import("../form.js").Field} again
 */
export function sameTwice(password, again) {
  const same = password.input.value === again.input.value;
  again.setError(same ? "" : "The two passwords are not the same.");
  return same;
}

/**
 * @param {string} title
 * @param {string} lead
 * @param {Node[]} content
 */
export function card(title, lead, content) {
  return el(
    "main",
    { id: "main", class: "welcome", tabindex: -1 },
    el("div", { class: "welcome-brand" }, logo(), el("span", { class: "brand-name" }, "Stenobox")),
    el("div", { class: "panel welcome-card" }, el("h1", { tabindex: -1 }, title), el("p", { class: "lead" }, lead), content),
  );
}
