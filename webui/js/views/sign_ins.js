/** Where one is signed in, and the end of it. */

import { el, fill, show } from "../dom.js";
import { fullMoment, moment } from "../format.js";
import { explain } from "../messages.js";
import { endOtherSignIns, endSignIn, signIns } from "../people.js";

/** @import { App, SignIn } from "../types.js" */

/**
 * @param {App} app
 * @returns {{node: HTMLElement, load: () => Promise<void>}}
 */
export function signInsPanel(app) {
  const list = el("ul", { class: "rows" });
  const others = el("button", { type: "button", class: "button", hidden: true, onclick: () => act(() => endOtherSignIns(app.api), "You are signed out everywhere else.") },
    "Sign out everywhere else");
  const heading = el("h2", { id: "sign-ins-title", tabindex: -1 }, "Where you are signed in");
  const load = async () => {
    try {
      const { sessions } = await signIns(app.api);
      const hadFocus = list.contains(document.activeElement) || document.activeElement === others;
      fill(list, sessions.map((session) => row(session, () => act(() => endSignIn(app.api, session.id), "That sign-in has ended."))));
      show(others, sessions.length > 1);
      // The row with the button that was pressed has gone.
      if (hadFocus && !list.contains(document.activeElement)) heading.focus();
    } catch (error) {
      fill(list, el("li", { class: "notice notice-bad", role: "alert" }, explain(error)));
    }
  };
  /** @param {() => Promise<unknown>} change @param {string} done */
  const act = async (change, done) => {
    try {
      await change();
      app.notify(done, "good");
    } catch (error) {
      app.notify(explain(error));
    }
    await load();
  };
  return {
    node: el("section", { class: "panel", "aria-labelledby": "sign-ins-title" }, heading,
      el("p", { class: "muted" }, "End what you do not know, then change the password."), list, others),
    load,
  };
}

/** @param {SignIn} session @param {() => void} end */
function row(session, end) {
  return el(
    "li",
    { class: "row" },
    el(
      "div",
      { class: "row-body" },
      el("strong", null, session.browser, session.current ? el("span", { class: "muted" }, " (this one)") : null),
      el("p", { class: "muted" }, session.address ? `from ${session.address}, ` : null,
        "signed in ", el("time", { datetime: session.created_at, title: fullMoment(session.created_at) }, moment(session.created_at)),
        ", last used ", el("time", { datetime: session.last_seen_at, title: fullMoment(session.last_seen_at) }, moment(session.last_seen_at))),
    ),
    session.current ? null
    : el("button", { type: "button", class: "button button-small", onclick: end }, "End", el("span", { class: "visually-hidden" }, ` the sign-in with ${session.browser}`)),
  );
}
