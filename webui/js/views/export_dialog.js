/** Asks how transcripts are to be downloaded: in which formats, and what is in them. */

import { el, setText, show, uniqueId } from "../dom.js";
import { FORMATS, saveTranscript, saveZip } from "../exports.js";
import { choice, field, form } from "../form.js";
import { plural } from "../format.js";
import { loadExportChoice, saveExportChoice } from "../preferences.js";

/** @import { App, Job } from "../types.js" */
/** @import { Options } from "../exports.js" */

/**
 * Downloads one transcript, or several in a zip file.
 * @param {App} app
 * @param {Job[]} jobs
 * @param {string} title
 */
export function exportDialog(app, jobs, title) {
  new ExportDialog(app, jobs, title).open();
}

class ExportDialog {
  /**
   * @param {App} app
   * @param {Job[]} jobs
   * @param {string} title
   */
  constructor(app, jobs, title) {
    this.app = app;
    this.jobs = jobs;
    /** Whether the times are as the person wants them, not as they usually are. */
    this.timesChosen = false;
    const many = jobs.length > 1;
    const last = loadExportChoice();
    const known = FORMATS.filter(({ id }) => last.formats?.includes(id)).map(({ id }) => id);
    const wanted = known.length > 0 ? known.slice(0, many ? undefined : 1) : ["docx"];
    this.formats = FORMATS.map(({ id }) =>
      el("input", { type: many ? "checkbox" : "radio", name: "format", value: id, checked: wanted.includes(id), onchange: () => this.paint() }));
    this.missing = el("p", { class: "field-error", role: "alert" });
    this.times = el("input", { type: "checkbox", onchange: () => { this.timesChosen = true; } });
    this.speakers = el("input", { type: "checkbox", checked: true });
    this.timesLine = ticked(this.times, "Times");
    this.speakersLine = ticked(this.speakers, "Names of the channels");
    this.content = el("fieldset", { class: "options" }, el("legend", null, "In the text"), this.timesLine, this.speakersLine);
    this.rules = choice({
      label: "Subtitles",
      options: [{ value: "heard", label: "As they were heard" }, { value: "laid", label: "Laid out for the screen" }],
      value: last.subtitles,
      onchange: () => this.paint(),
    });
    this.numbers = {
      line_chars: number("Characters per line", { min: 10, max: 100, value: last.numbers?.line_chars ?? 42 }),
      cue_lines: number("Lines", { min: 1, max: 4, value: last.numbers?.cue_lines ?? 2 }),
      max_cps: number("Characters per second", { min: 5, max: 60, value: last.numbers?.max_cps ?? 17 }),
    };
    this.layout = el("div", { class: "option-row" });
    const titleId = uniqueId("dialog-title");
    this.dialog = el("dialog", { class: "dialog export-dialog", "aria-labelledby": titleId });
    const edited = form({
      fields: Object.values(this.numbers),
      submit: many ? "Download as zip" : "Download",
      cancel: () => this.dialog.close(),
      check: () => this.check(),
      send: () => this.send(),
    });
    this.layout.append(...Object.values(this.numbers).map(({ node }) => node));
    edited.prepend(
      el("fieldset", { class: "format-choice" },
        el("legend", null, many ? "Formats" : "Format"),
        FORMATS.map(({ label, hint }, index) => ticked(this.formats[index], label, hint))),
      this.missing,
      this.content,
      this.rules.node,
      this.layout,
    );
    this.dialog.append(el("h2", { id: titleId }, title), edited);
    this.dialog.addEventListener("close", () => this.dialog.remove());
    this.paint();
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.formats.find(({ checked }) => checked)?.focus();
  }

  get chosen() {
    return FORMATS.filter((_, index) => this.formats[index].checked);
  }

  /** Shows what means something to the chosen formats. */
  paint() {
    const { chosen } = this;
    const times = chosen.some((format) => format.times);
    const speakers = chosen.some((format) => format.speakers) && this.jobs.some(({ channels }) => channels === "split");
    const subtitles = chosen.some((format) => format.subtitles);
    const laid = subtitles && this.rules.select.value === "laid";
    // Documents have times by themselves, plain text has none.
    if (!this.timesChosen) this.times.checked = chosen.some((format) => format.times && format.id !== "txt");
    show(this.timesLine, times);
    show(this.speakersLine, speakers);
    show(this.content, times || speakers);
    show(this.rules.node, subtitles);
    show(this.layout, laid);
    for (const { input } of Object.values(this.numbers)) input.disabled = !laid;
    setText(this.missing, "");
    show(this.missing, false);
  }

  check() {
    if (this.chosen.length > 0) return true;
    show(this.missing, true);
    setText(this.missing, "Choose at least one format.");
    return false;
  }

  /** @returns {Options} */
  get options() {
    /** @type {Options} */
    const options = {};
    if (!this.timesLine.hidden) options.timestamps = this.times.checked;
    if (!this.speakersLine.hidden) options.speakers = this.speakers.checked;
    if (!this.layout.hidden) {
      for (const [name, { input }] of Object.entries(this.numbers)) options[/** @type {"max_cps"} */ (name)] = Number(input.value);
    }
    return options;
  }

  async send() {
    const { jobs, chosen, options } = this;
    saveExportChoice({
      formats: chosen.map(({ id }) => id),
      subtitles: this.rules.select.value,
      numbers: Object.fromEntries(Object.entries(this.numbers).map(([name, { input }]) => [name, input.value])),
    });
    if (jobs.length === 1) {
      saveTranscript(jobs[0].id, chosen[0].id, options);
    } else {
      const missing = await saveZip(this.app.api, { jobs: jobs.map(({ id }) => id), formats: chosen.map(({ id }) => id), options });
      if (missing > 0) {
        this.app.notify(`${plural(missing, "transcript is", "transcripts are")} missing: the file problems.json in the zip says why.`);
      }
    }
    this.dialog.close();
  }
}

/**
 * A box to tick, or a round one, with its label.
 * @param {HTMLInputElement} input
 * @param {string} label
 * @param {string} [hint]
 */
function ticked(input, label, hint) {
  return el("label", { class: "ticked" }, input, el("span", null, label, hint ? el("span", { class: "hint" }, ` ${hint}`) : null));
}

/**
 * @param {string} label
 * @param {{min: number, max: number, value: number | string}} bounds
 */
function number(label, bounds) {
  return field({ label, name: "number", type: "number", step: 1, required: true, inputmode: "numeric", ...bounds });
}
