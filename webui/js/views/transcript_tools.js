/** The row of tools above a transcript: search, follow the player, copy, download. */

import { copyText } from "../clipboard.js";
import { el, setText, show } from "../dom.js";
import { FORMATS } from "../exports.js";
import { plural } from "../format.js";
import { icon } from "../icons.js";

/** @import { App } from "../types.js" */
/** @import { TranscriptView } from "./transcript.js" */

/**
 * @typedef {object} ToolOptions
 * @property {App["notify"]} notify
 * @property {(format: string) => string} file where a browser may fetch the transcript in a format
 * @property {() => void} [ask] asks for more formats and options; without, there is a button for each format
 * @property {HTMLElement[]} [more] further buttons
 */

export class TranscriptTools {
  /**
   * @param {TranscriptView} transcript
   * @param {ToolOptions} options
   */
  constructor(transcript, { notify, file, ask, more = [] }) {
    this.transcript = transcript;
    /** @type {HTMLElement[]} */
    this.marks = [];
    this.at = -1;
    this.input = el("input", {
      type: "search", class: "input search-input", placeholder: "Search in this transcript", "aria-label": "Search in this transcript",
      oninput: () => this.search(true),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    });
    this.count = el("span", { class: "search-count", role: "status" });
    this.previous = el("button", { type: "button", class: "icon-button", "aria-label": "Previous match", onclick: () => this.step(-1) }, icon("up"));
    this.next = el("button", { type: "button", class: "icon-button", "aria-label": "Next match", onclick: () => this.step(1) }, icon("down"));
    this.followButton = el(
      "button",
      { type: "button", class: "button button-small toggle", "aria-pressed": "true", onclick: () => transcript.follow(!transcript.following) },
      icon("follow"), "Follow",
    );
    this.downloads = el(
      "div",
      { class: "downloads", role: "group", "aria-label": "Download the transcript" },
      icon("download"),
      FORMATS.filter(({ often }) => often || !ask).map(({ id, label, hint }) =>
        el("a", { href: file(id), download: true, class: "button button-small", title: hint, dataset: { format: id } },
          el("span", { class: "visually-hidden" }, "Download as "), label)),
      ask ? el("button", { type: "button", class: "button button-small", "aria-haspopup": "dialog", onclick: ask },
        "More…", el("span", { class: "visually-hidden" }, " formats and options")) : null,
    );
    this.copy = el(
      "button",
      { type: "button", class: "button button-small", onclick: () => this.copyAll(notify) },
      icon("copy"), "Copy text",
    );
    this.node = el(
      "div",
      { class: "tools" },
      el("div", { class: "search", role: "search" }, icon("search"), this.input, this.count, this.previous, this.next),
      el("div", { class: "tool-buttons" }, more, this.followButton, this.copy, this.downloads),
    );
    transcript.addEventListener("following", (event) => {
      this.followButton.setAttribute("aria-pressed", String(/** @type {CustomEvent} */ (event).detail));
    });
    this.update({ lines: false, done: false });
    this.paint();
  }

  /** Shows what makes sense now. @param {{lines: boolean, done: boolean}} state */
  update({ lines, done }) {
    show(this.node, lines || done);
    show(this.downloads, done);
    if (this.input.value) this.search(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && this.input.value) {
      event.preventDefault();
      this.input.value = "";
      this.search(true);
    }
  }

  /** @param {boolean} move whether to go to the first match */
  search(move) {
    this.marks = this.transcript.search(this.input.value);
    this.at = -1;
    if (move && this.marks.length > 0) this.step(1);
    else this.paint();
  }

  /** @param {number} by */
  step(by) {
    if (this.marks.length === 0) return;
    this.marks[this.at]?.classList.remove("mark-current");
    this.at = (this.at + by + this.marks.length) % this.marks.length;
    const mark = this.marks[this.at];
    mark.classList.add("mark-current");
    this.transcript.follow(false);
    mark.scrollIntoView({ block: "center" });
    this.paint();
  }

  paint() {
    const searching = this.input.value.trim() !== "";
    const found = this.marks.length;
    const position = this.at >= 0 ? `${this.at + 1} of ${found}` : plural(found, "match", "matches");
    setText(this.count, searching ? (found > 0 ? position : "Not found") : "");
    for (const button of [this.previous, this.next]) show(button, searching && found > 0);
  }

  /** @param {App["notify"]} notify */
  async copyAll(notify) {
    const copied = await copyText(this.transcript.plainText);
    if (copied) notify("The text is on the clipboard.", "good");
    else notify("The browser did not allow copying. Mark the text and copy it by hand, or download it.");
  }
}
