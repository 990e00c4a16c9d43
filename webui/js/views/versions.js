/** The versions of a transcript: who made them, what they changed, and the way back. */

import { el, fill, setText, show, uniqueId } from "../dom.js";
import { clock, fullMoment, moment, plural } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { mayCorrect } from "../sharing.js";

/** @import { App, Difference, Transcript, Version } from "../types.js" */

/** Events: `restored` (detail: Transcript). */
export class VersionsPanel extends EventTarget {
  /**
   * @param {App} app
   * @param {string} jobId
   */
  constructor(app, jobId) {
    super();
    this.app = app;
    this.jobId = jobId;
    this.current = 1;
    const id = uniqueId("versions");
    this.button = el(
      "button",
      { type: "button", class: "button button-small toggle", "aria-expanded": "false", "aria-controls": id, hidden: true, onclick: () => this.toggle() },
      icon("history"), "Versions",
    );
    this.list = el("ol", { class: "versions" });
    this.node = el(
      "section", { id, class: "panel", "aria-label": "Versions of this transcript", hidden: true }, el("h2", null, "Versions"), this.list,
    );
  }

  /** @param {Transcript} transcript what is shown now */
  show(transcript) {
    this.current = transcript.version;
    show(this.button, transcript.version > 1);
    if (transcript.version === 1) this.close();
    else if (!this.node.hidden) this.load();
  }

  toggle() {
    if (this.node.hidden) this.load();
    else this.close();
  }

  close() {
    show(this.node, false);
    this.button.setAttribute("aria-expanded", "false");
  }

  async load() {
    try {
      const { versions } = await this.app.texts.versions(this.jobId);
      fill(this.list, versions.reverse().map((version) => this.row(version)));
      show(this.node, true);
      this.button.setAttribute("aria-expanded", "true");
    } catch (error) {
      this.app.notify(explain(error));
    }
  }

  /** @param {Version} version */
  row(version) {
    const { number } = version;
    const current = number === this.current;
    const changes = el("div", { id: uniqueId("changes"), class: "changes", hidden: true });
    const look = el(
      "button",
      { type: "button", class: "button button-small", "aria-expanded": "false", "aria-controls": changes.id, onclick: () => this.compare(number, changes, look) },
      "Changes", el("span", { class: "visually-hidden" }, ` of version ${number}`),
    );
    const back = el(
      "button", { type: "button", class: "button button-small", onclick: () => this.restore(number) },
      "Go back", el("span", { class: "visually-hidden" }, ` to version ${number}`),
    );
    return el(
      "li",
      { class: "version" },
      el(
        "div",
        { class: "version-line" },
        el("p", null, el("strong", null, `Version ${number}`), ` ${origin(version)}, `,
          el("time", { datetime: version.created_at, title: fullMoment(version.created_at) }, moment(version.created_at)),
          current ? el("span", { class: "version-current" }, "current") : null),
        number > 1 ? look : null,
        !current && mayCorrect(this.app.user, this.app.store.jobs.get(this.jobId)) ? back : null,
      ),
      changes,
    );
  }

  /**
   * @param {number} number
   * @param {HTMLElement} node
   * @param {HTMLElement} button
   */
  async compare(number, node, button) {
    const open = node.hidden;
    if (open) {
      try {
        fill(node, differences(await this.app.texts.difference(this.jobId, number, number - 1)));
      } catch (error) {
        this.app.notify(explain(error));
        return;
      }
    }
    show(node, open);
    button.setAttribute("aria-expanded", String(open));
  }

  /** @param {number} number */
  async restore(number) {
    try {
      const transcript = await this.app.texts.restore(this.jobId, number, this.current);
      this.app.notify(`The text is as it was in version ${number}.`, "good");
      this.dispatchEvent(new CustomEvent("restored", { detail: transcript }));
      this.button.focus();
    } catch (error) {
      this.app.notify(explain(error));
    }
  }
}

/** @param {Version} version */
function origin({ author, restored_from: from }) {
  if (author === null) return "as the model heard it";
  return from === null ? `by ${author}` : `by ${author}, as version ${from} was`;
}

/** @param {Difference} difference */
function differences({ changes, same }) {
  if (changes.length === 0) return [el("p", { class: "muted" }, "Nothing changed.")];
  return [
    ...changes.map((change) => {
      const first = change.new[0] ?? change.old[0];
      return el(
        "p", { class: "change", dir: "auto" }, el("span", { class: "change-time" }, clock(first.start)),
        el("span", null, change.parts.map(({ kind, text }) => {
          if (kind === "same") return text;
          // Screen readers tell of these elements seldom; so the words say it too.
          const said = el("span", { class: "visually-hidden" }, kind === "added" ? "[added] " : "[removed] ");
          return el(kind === "added" ? "ins" : "del", null, said, text);
        })),
      );
    }),
    el("p", { class: "muted" }, `${plural(same, "line", "lines")} the same.`),
  ];
}
