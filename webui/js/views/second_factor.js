/** One's own second factor: switching it on with an authenticator app, recovery codes, switching it off. */

import { copyText } from "../clipboard.js";
import { el, fill, uniqueId } from "../dom.js";
import { accountName, field, form } from "../form.js";
import { moment, plural } from "../format.js";
import { icon, qrPicture } from "../icons.js";
import { explain } from "../messages.js";
import { beginSecondFactor, confirmSecondFactor, newRecoveryCodes, removeSecondFactor, secondFactor } from "../people.js";

/** @import { App, Enrolment, SecondFactor } from "../types.js" */

/**
 * @param {App} app
 * @returns {{node: HTMLElement, load: () => Promise<void>}}
 */
export function secondFactorPanel(app) {
  const place = el("div", { class: "form" });
  const heading = el("h2", { id: "factor-title", tabindex: -1 }, "Second factor");
  /** @param {...(Node | string)} content */
  const put = (...content) => fill(place, ...content);
  const load = async () => {
    try {
      const state = await secondFactor(app.api);
      if (state.enabled) put(...whenOn(app, state, (codes) => showCodes(codes), load));
      else put(...whenOff(app, (begun) => showEnrolment(begun)));
    } catch (error) {
      put(el("p", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
  };
  /** @param {Enrolment} begun */
  const showEnrolment = (begun) => {
    put(...enrolment(app, begun, (codes) => showCodes(codes), load));
    heading.focus();
  };
  /** @param {string[]} codes */
  const showCodes = (codes) => {
    put(...recoveryCodes(app, codes, () => {
      load();
      heading.focus();
    }));
    heading.focus();
  };
  return { node: el("section", { class: "panel", "aria-labelledby": "factor-title" }, heading, place), load };
}

/** @param {App} app @param {(begun: Enrolment) => void} next */
function whenOff(app, next) {
  const password = field({ label: "Your password", name: "password", type: "password", autocomplete: "current-password", required: true });
  return [
    el("p", null, "With an authenticator app on your phone, signing in takes a code too. A stolen password alone then opens nothing."),
    form({
      fields: [password],
      extra: [accountName(app.user.name)],
      submit: "Set up a second factor",
      send: async () => next(await beginSecondFactor(app.api, password.input.value)),
    }),
  ];
}

/**
 * @param {App} app
 * @param {Enrolment} begun
 * @param {(codes: string[]) => void} next
 * @param {() => void} cancel
 */
function enrolment(app, begun, next, cancel) {
  const code = field({
    label: "Code that the app shows", name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: 10,
    hint: "Six digits.",
  });
  return [
    el("p", null, "Scan this with your authenticator app. On the phone itself, ", el("a", { href: begun.uri }, "open it in the app"),
      ", or type the key in:"),
    qrPicture(begun.qr, "QR code for your authenticator app"),
    el("code", { class: "secret", tabindex: 0 }, (begun.secret.match(/.{1,4}/g) ?? []).join(" ")),
    form({
      fields: [code],
      submit: "Switch it on",
      cancel,
      send: async () => {
        const { recovery_codes: codes } = await confirmSecondFactor(app.api, code.input.value);
        app.notify("The second factor is on.", "good");
        next(codes);
      },
    }),
  ];
}

/** @param {App} app @param {string[]} codes @param {() => void} done */
function recoveryCodes(app, codes, done) {
  const copy = async () => {
    if (await copyText(codes.join("\n"))) app.notify("The codes are on the clipboard.", "good");
    else app.notify("The browser did not allow copying. Mark the codes and copy them by hand.");
  };
  return [
    el("p", null, el("strong", null, "Store these recovery codes now: they are not shown again."), " Each opens once, in place of the app's code, should the phone be lost."),
    el("ul", { class: "codes", "aria-label": "Recovery codes" }, codes.map((code) => el("li", null, el("code", null, code)))),
    el("div", { class: "button-row" },
      el("button", { type: "button", class: "button button-primary", onclick: copy }, icon("copy"), "Copy the codes"),
      el("button", { type: "button", class: "button", onclick: done }, "I have stored them")),
  ];
}

/**
 * @param {App} app
 * @param {SecondFactor} state
 * @param {(codes: string[]) => void} showCodes
 * @param {() => Promise<void>} load
 */
function whenOn(app, state, showCodes, load) {
  const renew = async () => {
    const codes = await passwordAndCode(app.user.name, "New recovery codes", "Make new codes", async (password, code) => {
      const made = await newRecoveryCodes(app.api, password, code);
      return made.recovery_codes;
    });
    if (codes) showCodes(codes);
  };
  const off = async () => {
    const done = await passwordAndCode(app.user.name, "Switch the second factor off", "Switch it off", async (password, code) => {
      await removeSecondFactor(app.api, password, code);
      return true;
    });
    if (!done) return;
    app.notify("The second factor is off.", "good");
    await load();
  };
  return [
    el("p", null, `On since ${moment(state.since ?? "")}. ${plural(state.recovery_codes, "recovery code is", "recovery codes are")} left.`),
    el("div", { class: "button-row" },
      el("button", { type: "button", class: "button", onclick: renew }, "New recovery codes"),
      el("button", { type: "button", class: "button", onclick: off }, "Switch it off")),
  ];
}

/**
 * Asks for both in a modal dialog until they are right.
 * @template T
 * @param {string} name whose they are
 * @param {string} title
 * @param {string} submit
 * @param {(password: string, code: string) => Promise<T>} send
 * @returns {Promise<T | null>} null when nothing was done
 */
function passwordAndCode(name, title, submit, send) {
  const titleId = uniqueId("dialog-title");
  const password = field({ label: "Your password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const code = field({ label: "Code", name: "code", autocomplete: "one-time-code", required: true, maxlength: 40, hint: "From your app, or a recovery code." });
  /** @type {T | null} */
  let result = null;
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": titleId }, el("h2", { id: titleId }, title), form({
    fields: [password, code],
    extra: [accountName(name)],
    submit,
    cancel: () => dialog.close(),
    send: async () => {
      result = await send(password.input.value, code.input.value);
      dialog.close();
    },
  }));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    dialog.showModal();
  });
}
