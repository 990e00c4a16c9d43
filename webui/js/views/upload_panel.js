/** Choosing recordings, how they are to be transcribed, and the uploads under way. */

import { el, fill, setText, show } from "../dom.js";
import { choice } from "../form.js";
import { capitalised, percent, plural, roughly, size } from "../format.js";
import { icon } from "../icons.js";
import { PRIORITIES, explain } from "../messages.js";
import { loadUploadOptions, saveUploadOptions } from "../preferences.js";

const CHANNELS = [
  { value: "mix", label: "Mixed" },
  { value: "split", label: "Each for itself (calls)" },
];

/** @import { App, Catalogue } from "../types.js" */
/** @import { Upload, UploadOptions } from "../upload.js" */

/**
 * @param {App} app
 * @returns {{node: HTMLElement, destroy: () => void}}
 */
export function uploadPanel(app) {
  const undo = new AbortController();
  const input = el("input", {
    type: "file", id: "file-input", class: "visually-hidden", multiple: true, accept: "audio/*,video/*,.opus,.amr,.aiff,.caf,.mka,.mkv",
    onchange: () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      app.uploader.add(files, loadUploadOptions());
    },
  });
  const list = el("ul", { class: "uploads", "aria-label": "Uploads" });
  const rows = new Map();
  const paint = () => {
    for (const upload of app.uploader.uploads) {
      if (!rows.has(upload.id)) rows.set(upload.id, new UploadRow(app, upload));
      rows.get(upload.id).update();
    }
    const listed = app.uploader.uploads.filter((upload) => upload.state !== "cancelled");
    const nodes = listed.map((upload) => rows.get(upload.id).node);
    if (nodes.length !== list.children.length || nodes.some((node, index) => list.children[index] !== node)) fill(list, nodes);
    show(list, nodes.length > 0);
  };
  app.uploader.addEventListener("change", paint, { signal: undo.signal });
  app.uploader.addEventListener("sent", paint, { signal: undo.signal });
  paint();
  const node = el(
    "section",
    { class: "panel upload-panel", "aria-labelledby": "upload-title" },
    el("h2", { id: "upload-title", class: "visually-hidden" }, "New transcription"),
    el(
      "div",
      { class: "drop-zone" },
      icon("upload"),
      el(
        "div",
        { class: "drop-zone-text" },
        el("p", { class: "drop-zone-title" }, el("span", { class: "pointer-only" }, "Drop recordings here, or "),
          input, el("label", { for: "file-input", class: "button button-primary" }, "Choose files")),
        el("p", { class: "hint" }, "Audio or video. Transcription starts as soon as a file has arrived."),
      ),
    ),
    optionFields(app.catalogue),
    list,
  );
  return { node, destroy: () => undo.abort() };
}

/** @param {Catalogue} catalogue */
function optionFields(catalogue) {
  const options = usableOptions(catalogue);
  saveUploadOptions(options);
  const demo = el(
    "p",
    { class: "notice notice-warn demo-notice", hidden: true },
    icon("info"),
    el("span", null, el("strong", null, "This is the demonstration model."),
      " It shows how everything works, but it knows only a few hundred English words and has never heard a human voice. ",
      "Real recordings need a real model; the README tells how to install one."),
  );
  /** @param {UploadOptions} change */
  const set = (change) => {
    Object.assign(options, change);
    saveUploadOptions(options);
    show(demo, catalogue.models.find((model) => model.name === options.model)?.demo ?? false);
  };
  set({});
  const models = catalogue.models.map((model) => ({
    value: model.name, label: model.demo ? `${model.name} (demonstration)` : model.name,
  }));
  const languages = [
    { value: "", label: "Detect automatically" },
    ...catalogue.languages.map(({ code, name }) => ({ value: code, label: capitalised(name) })),
  ];
  const priorities = PRIORITIES.map(({ id, label }) => ({ value: id, label }));
  return el(
    "div",
    { class: "options" },
    el(
      "div",
      { class: "option-fields" },
      choice({ label: "Language spoken", options: languages, value: options.language, onchange: (language) => set({ language }) }).node,
      choice({ label: "Model", options: models, value: options.model, onchange: (model) => set({ model }) }).node,
      choice({ label: "Channels", options: CHANNELS, value: options.channels, onchange: (channels) => set({ channels }) }).node,
      choice({ label: "Turn in the queue", options: priorities, value: options.priority, onchange: (priority) => set({ priority }) }).node,
    ),
    catalogue.models.length === 0 ? noModels() : null,
    demo,
  );
}

function noModels() {
  return el(
    "p",
    { class: "notice notice-bad" },
    icon("warning"),
    el("span", null, el("strong", null, "No speech model is installed."), " On the box, run ", el("code", null, "stenobox models list"),
      " to see where it looks for one."),
  );
}

/**
 * The remembered choice, as far as the box still offers it.
 * @param {Catalogue} catalogue
 * @returns {UploadOptions}
 */
function usableOptions(catalogue) {
  const saved = loadUploadOptions();
  const fallback = catalogue.models.find((model) => model.default) ?? catalogue.models[0];
  return {
    model: catalogue.models.some((model) => model.name === saved.model) ? saved.model : fallback?.name,
    language: catalogue.languages.some(({ code }) => code === saved.language) ? saved.language : "",
    priority: PRIORITIES.some(({ id }) => id === saved.priority) ? saved.priority : "normal",
    channels: CHANNELS.some(({ value }) => value === saved.channels) ? saved.channels : "mix",
  };
}

class UploadRow {
  /**
   * @param {App} app
   * @param {Upload} upload
   */
  constructor(app, upload) {
    this.upload = upload;
    const name = upload.file.name;
    this.bar = el("progress", { class: "bar", max: 1, value: 0, "aria-label": `Upload of ${name}` });
    this.status = el("p", { class: "upload-status" });
    this.problem = el("p", { class: "upload-problem", role: "alert", hidden: true });
    this.cancel = el(
      "button",
      { type: "button", class: "button button-small", onclick: () => {
        app.uploader.cancel(upload);
        app.uploader.dismiss(upload);
        app.announce(`The upload of ${name} was cancelled.`);
        document.getElementById("file-input")?.focus();
      } },
      "Cancel", el("span", { class: "visually-hidden" }, ` the upload of ${name}`),
    );
    this.retry = el(
      "button", { type: "button", class: "button button-small", onclick: () => app.uploader.retry(upload) },
      "Try again", el("span", { class: "visually-hidden" }, `: ${name}`),
    );
    this.dismiss = el(
      "button", { type: "button", class: "button button-small", onclick: () => {
        app.uploader.dismiss(upload);
        document.getElementById("file-input")?.focus();
      } },
      "Dismiss", el("span", { class: "visually-hidden" }, `: ${name}`),
    );
    this.node = el(
      "li",
      { class: "upload" },
      el("div", { class: "upload-text" }, el("p", { class: "upload-name" }, name), this.status, this.problem, this.bar),
      el("div", { class: "upload-buttons" }, this.retry, this.cancel, this.dismiss),
    );
  }

  update() {
    const { state, file, sent, error } = this.upload;
    const failed = state === "failed";
    this.bar.value = file.size > 0 ? sent / file.size : 0;
    show(this.bar, !failed);
    show(this.cancel, !failed);
    show(this.dismiss, failed);
    // Sending the same bytes again helps only when the box or the way to it was the trouble.
    show(this.retry, failed && (error === null || error.status === 0 || error.status >= 500 || error.status === 429));
    show(this.status, !failed);
    setText(this.status, this.statusText());
    show(this.problem, failed);
    setText(this.problem, failed ? explain(error) : "");
    this.node.classList.toggle("upload-failed", failed);
  }

  statusText() {
    const { state, file, sent, speed } = this.upload;
    if (state === "waiting") return `${size(file.size)}, waits for its turn`;
    if (state === "broken") return "The box cannot be reached. It goes on by itself from here.";
    if (state === "finishing") return "Sent. The box is checking and storing it…";
    const left = speed > 0 && sent < file.size ? `, ${roughly((file.size - sent) / speed)} left` : "";
    return `${percent(file.size > 0 ? sent / file.size : 0)} of ${size(file.size)}${left}`;
  }
}

/**
 * What to say when files were dropped on the window.
 * @param {App} app
 * @param {import("../drop.js").Dropped} dropped
 */
export function takeDropped(app, { files, folders }) {
  if (folders.length > 0) {
    app.notify(`Folders cannot be sent. Open ${folders.join(", ")} and drop the recordings in it instead.`);
  }
  if (files.length === 0) return;
  app.announce(`Uploading ${plural(files.length, "file", "files")}.`);
  app.uploader.add(files, loadUploadOptions());
}
