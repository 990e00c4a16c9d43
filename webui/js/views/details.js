/** Title, tags and days of a recording: shown, and edited in place. */

import { el, fill, show } from "../dom.js";
import { field, form } from "../form.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";
import { mayChange } from "../sharing.js";
import { daysChoice, daysOf } from "./days.js";
import { TagEditor } from "./tag_editor.js";
import { tagLink } from "./tags.js";

/** @import { App, Job, Recording } from "../types.js" */

const MAX_TITLE = 200;

export class Details {
  /**
   * @param {App} app
   * @param {Job} job
   */
  constructor(app, job) {
    this.app = app;
    this.id = job.recording_id;
    this.undo = new AbortController();
    /** What the box said last, and under which tag. @type {{body: Recording, etag: string} | null} */
    this.known = null;
    this.tags = el("ul", { class: "tags", "aria-label": "Tags", hidden: true });
    this.edit = el(
      "button",
      { type: "button", class: "button button-small", "aria-expanded": "false", hidden: true, onclick: () => this.open() },
      icon("pencil"), "Title, tags, time to keep",
    );
    this.panel = el("div", { class: "panel details", hidden: true });
    this.load();
  }

  destroy() {
    this.undo.abort();
  }

  async load() {
    try {
      this.take(await this.app.api.recording(this.id));
    } catch {
      // The page shows the job without its tags; what is wrong shows elsewhere too.
    }
  }

  /** @param {{body: Recording, etag: string}} answer */
  take(answer) {
    if (this.undo.signal.aborted) return;
    this.known = answer;
    const { tags, access } = answer.body;
    fill(this.tags, tags.map((tag) => el("li", null, tagLink(tag, access))));
    show(this.tags, tags.length > 0);
    show(this.edit, mayChange(this.app.user, answer.body));
  }

  async open() {
    if (!this.panel.hidden) {
      this.close();
      return;
    }
    try {
      this.take(await this.app.api.recording(this.id));
    } catch (error) {
      this.app.notify(explain(error));
      return;
    }
    if (!this.known || this.undo.signal.aborted) return;
    const { body, etag } = this.known;
    const title = field({ label: "Title", name: "title", value: body.title, required: true, maxlength: MAX_TITLE, autocomplete: "off" });
    const tags = new TagEditor(body.tags);
    const audioDays = daysChoice("Keep the audio", body.audio_days);
    const allDays = daysChoice("Keep all of it", body.transcript_days);
    const edited = form({
      fields: [title],
      extra: [tags.node, el("div", { class: "field-pair" }, audioDays.node, allDays.node)],
      submit: "Save",
      cancel: () => this.close(),
      send: async () => {
        const wanted = title.input.value.trim();
        const change = {
          tags: tags.values(), audio_days: daysOf(audioDays), transcript_days: daysOf(allDays),
          ...(wanted === body.title ? {} : { title: wanted }),
        };
        this.take(await this.app.api.changeRecording(this.id, change, etag));
        this.close();
        this.app.notify("Saved.", "good");
      },
    });
    edited.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    fill(this.panel, edited);
    show(this.panel, true);
    this.edit.setAttribute("aria-expanded", "true");
    title.input.focus();
  }

  close() {
    show(this.panel, false);
    fill(this.panel);
    this.edit.setAttribute("aria-expanded", "false");
    this.edit.focus();
  }
}
