/** Tags being edited: each with a button that takes it off, and a field for one more. */

import { el, fill, uniqueId } from "../dom.js";
import { icon } from "../icons.js";

const MAX_CHARACTERS = 50;

export class TagEditor {
  /** @param {string[]} tags */
  constructor(tags) {
    this.tags = [...tags];
    const id = uniqueId("tags");
    this.list = el("ul", { class: "tags", "aria-label": "Tags of this recording" });
    this.input = el("input", {
      id, type: "text", class: "input tag-input", maxlength: MAX_CHARACTERS, autocomplete: "off", "aria-describedby": `${id}-hint`,
    });
    this.input.addEventListener("keydown", (event) => {
      // Enter with nothing typed saves the form, as in any other field.
      if ((event.key === "Enter" && this.input.value.trim() !== "") || event.key === ",") {
        event.preventDefault();
        this.add();
      }
    });
    this.node = el(
      "div",
      { class: "field" },
      el("label", { for: id }, "Tags"),
      this.list,
      this.input,
      el("p", { id: `${id}-hint`, class: "hint" }, "Type a tag and press Enter."),
    );
    this.paint();
  }

  /** The tags, with what is still in the field. */
  values() {
    this.add();
    return [...this.tags];
  }

  add() {
    const tag = this.input.value.trim();
    this.input.value = "";
    if (tag === "" || this.tags.some((other) => other.toLocaleLowerCase() === tag.toLocaleLowerCase())) return;
    this.tags.push(tag);
    this.paint();
  }

  /** @param {string} tag */
  remove(tag) {
    this.tags = this.tags.filter((other) => other !== tag);
    this.paint();
    this.input.focus();
  }

  paint() {
    fill(
      this.list,
      this.tags.map((tag) => el(
        "li",
        { class: "tag" },
        tag,
        el("button", { type: "button", class: "tag-remove", "aria-label": `Take off the tag ${tag}`, onclick: () => this.remove(tag) }, icon("close")),
      )),
    );
    this.list.toggleAttribute("hidden", this.tags.length === 0);
  }
}
