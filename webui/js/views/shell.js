/** The frame around every view of a signed-in person: header, notice of a lost connection, main area. */

import { el, fill, setText, show } from "../dom.js";
import { percent } from "../format.js";
import { logo } from "../icons.js";

/** @import { Connection } from "../events.js" */
/** @import { Uploader } from "../upload.js" */
/** @import { User, View } from "../types.js" */

export class Shell {
  /**
   * @param {{user: User, uploader: Uploader, onSignOut: () => void, onRetry: () => void}} options
   */
  constructor({ user, uploader, onSignOut, onRetry }) {
    /** @type {View | null} */
    this.view = null;
    this.undo = new AbortController();
    this.main = el("main", { id: "main", tabindex: -1 });
    this.uploadNote = el("a", { href: "#/", class: "upload-note", hidden: true });
    this.countdown = el("span");
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.countdownTimer = undefined;
    this.offline = el("div", { class: "offline", role: "status" });
    this.offlineText = el(
      "div",
      { class: "offline-inner" },
      el("p", null, el("strong", null, "The box cannot be reached."), " What you see may be out of date. ", this.countdown),
      el("button", { type: "button", class: "button button-small", onclick: onRetry }, "Try now"),
    );
    this.links = navLinks(user);
    this.node = el(
      "div",
      { class: "shell" },
      el(
        "header",
        { class: "header" },
        el(
          "div",
          { class: "header-inner" },
          el("a", { href: "#/", class: "brand", "aria-label": "Stenobox, to the transcripts" }, logo(), el("span", { class: "brand-name" }, "Stenobox")),
          el("nav", { class: "nav", "aria-label": "Main" }, this.links),
          this.uploadNote,
          el(
            "div",
            { class: "account" },
            el("a", { href: "#/account", class: "account-name", "aria-label": `Your account, ${user.name}` }, user.name),
            el("button", { type: "button", class: "button button-quiet", onclick: onSignOut }, "Sign out"),
          ),
        ),
      ),
      this.offline,
      this.main,
    );
    uploader.addEventListener("change", () => this.uploadsChanged(uploader), { signal: this.undo.signal });
  }

  /**
   * Shows a view; its heading gets the focus, except on the first view of a page load.
   * @param {View} view
   */
  show(view) {
    const first = this.view === null;
    this.view?.destroy?.();
    this.view = view;
    document.title = `${view.title} – Stenobox`;
    fill(this.main, view.node);
    const here = `#/${location.hash.replace(/^#\/?/, "").split(/[/?]/)[0]}`;
    for (const link of this.links) {
      const current = link.getAttribute("href") === here || (link.hash === "#/" && (here === "#/jobs" || here === "#/shared"));
      if (current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (first) return;
    window.scrollTo(0, 0);
    view.node.querySelector("h1")?.focus({ preventScroll: true });
  }

  destroy() {
    this.undo.abort();
    clearInterval(this.countdownTimer);
    this.view?.destroy?.();
    this.view = null;
  }

  /** @param {Connection} connection */
  connection(connection) {
    clearInterval(this.countdownTimer);
    if (connection.state === "open") {
      fill(this.offline);
      return;
    }
    const tick = () => {
      const seconds = Math.ceil((connection.retryAt - Date.now()) / 1000);
      setText(this.countdown, seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again…");
    };
    tick();
    this.countdownTimer = setInterval(tick, 1000);
    // The countdown is for the eye: announced each second, it would be a nuisance.
    this.countdown.setAttribute("aria-hidden", "true");
    if (!this.offlineText.isConnected) fill(this.offline, this.offlineText);
  }

  /** @param {Uploader} uploader */
  uploadsChanged(uploader) {
    const active = uploader.active();
    show(this.uploadNote, active.length > 0);
    const total = active.reduce((sum, upload) => sum + upload.file.size, 0);
    const sent = active.reduce((sum, upload) => sum + upload.sent, 0);
    setText(this.uploadNote, `Uploading ${percent(total > 0 ? sent / total : 0)}`);
  }
}

/** @param {User} user */
function navLinks(user) {
  const links = [
    { href: "#/", label: "Transcripts" },
    { href: "#/search", label: "Search" },
    { href: "#/keys", label: "API keys" },
  ];
  if (user.role === "admin") links.push({ href: "#/users", label: "Users" }, { href: "#/audit", label: "Audit" }, { href: "#/box", label: "Box" });
  return links.map(({ href, label }) => el("a", { href }, label));
}
