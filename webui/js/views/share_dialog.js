/** Sharing one recording, or everything with a tag: with a colleague, by a link; and who has access already. */

import { copyText } from "../clipboard.js";
import { el, fill, show, uniqueId } from "../dom.js";
import { choice, field, form } from "../form.js";
import { plural } from "../format.js";
import { icon } from "../icons.js";
import { people, share } from "../sharing.js";
import { RIGHTS, ShareList } from "./share_list.js";

/** @import { App, Job, Share } from "../types.js" */
/** @import { Subject } from "../sharing.js" */

const DAYS = [1, 7, 30, 90, 365];

/**
 * The button that opens the dialog for the recording of a job.
 * @param {App} app
 * @param {Job} job
 */
export function shareButton(app, job) {
  const open = () => {
    const { recording_id: recording, owner, title, tags } = app.store.jobs.get(job.id) ?? job;
    // Administrators share what others sent too, but only tags of their own.
    shareDialog(app, { recording }, title, owner === app.user.name ? tags : []);
  };
  return el("button", { type: "button", class: "button button-small", "aria-haspopup": "dialog", onclick: open }, icon("share"), "Share");
}

/**
 * @param {App} app
 * @param {Subject} subject
 * @param {string} title of the recording, or the tag
 * @param {string[]} [tags] through which a recording may be open to others too
 */
export function shareDialog(app, subject, title, tags = []) {
  new ShareDialog(app, subject, title, tags).dialog.showModal();
}

class ShareDialog {
  /**
   * @param {App} app
   * @param {Subject} subject
   * @param {string} title
   * @param {string[]} tags
   */
  constructor(app, subject, title, tags) {
    this.app = app;
    this.subject = subject;
    const tagged = "tag" in subject;
    const id = uniqueId("share");
    // Notices at the edge of the page lie behind a modal dialog.
    this.told = el("p", { class: "share-told", role: "status" });
    const heading = el("h3", { id: `${id}-given`, tabindex: -1 }, "Who has access");
    this.list = new ShareList(app, {
      subjects: [subject, ...tags.map((tag) => ({ tag }))],
      nothing: tagged ? "Nobody: this tag is not shared." : "Only you, and the administrators of this box.",
      tell: (message, kind) => this.tell(message, kind),
      heading,
    });
    this.fresh = el("div", { class: "fresh-key", hidden: true });
    this.dialog = el(
      "dialog",
      { class: "dialog dialog-tall share-dialog", "aria-labelledby": id },
      el("h2", { id }, tagged ? `Share everything tagged “${title}”` : `Share “${title}”`),
      tagged ? el("p", null, "Every recording of yours with this tag, also those that get it later. One that loses the tag is not shared any more.") : null,
      el("section", { "aria-labelledby": `${id}-people` }, el("h3", { id: `${id}-people` }, "Share with a colleague"), this.colleague()),
      el("section", { "aria-labelledby": `${id}-link` }, el("h3", { id: `${id}-link` }, "Share by a link"),
        el("p", null, "For people without an account here. They can read, listen and download, and change nothing."), this.link(), this.fresh),
      el("section", { "aria-labelledby": `${id}-given` }, heading, this.list.node),
      el("div", { class: "share-foot" }, this.told, el("button", { type: "button", class: "button", onclick: () => this.dialog.close() }, "Close")),
    );
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
    this.list.load();
  }

  /** @param {string} message @param {"good" | "bad"} [kind] */
  tell(message, kind = "good") {
    fill(this.told, icon(kind === "good" ? "check" : "warning"), el("span", null, message));
    this.told.dataset.kind = kind;
  }

  colleague() {
    const options = el("datalist", { id: uniqueId("people") });
    const name = field({
      label: "Name", name: "user", required: true, maxlength: 64, autocomplete: "off", autocapitalize: "none", spellcheck: "false", list: options.id, autofocus: true,
    });
    name.node.append(options);
    const rights = choice({
      label: "What they may do",
      options: [{ value: "read", label: "May read and listen" }, { value: "edit", label: "May correct the text too" }],
    });
    const days = daysChoice("Until it is taken back");
    /** Null: not known. @type {string[] | null} */
    let known = null;
    people(this.app.api).then((found) => {
      known = found.people;
      fill(options, known.map((person) => el("option", { value: person })));
    }, () => {
      // Names can be written all the same.
    });
    return form({
      fields: [name],
      extra: [el("div", { class: "field-pair" }, rights.node, days.node)],
      submit: "Share",
      check: () => {
        const there = known === null || known.includes(name.input.value.trim());
        name.setError(there ? "" : "There is no other account of this name here.");
        return there;
      },
      send: async () => {
        const given = await share(this.app.api, this.subject, {
          user: name.input.value.trim(), rights: /** @type {Share["rights"]} */ (rights.select.value), days: daysOf(days),
        });
        name.input.value = "";
        await this.list.load();
        this.tell(`${given.user} ${RIGHTS[given.rights]} it now.`);
        name.input.focus();
      },
    });
  }

  link() {
    const days = daysChoice("As the box is set");
    return form({
      fields: [],
      extra: [days.node],
      submit: "Make a link",
      send: async () => {
        const given = await share(this.app.api, this.subject, { days: daysOf(days) });
        await this.list.load();
        this.showLink(`${location.origin}${given.path}`);
      },
    });
  }

  /** @param {string} url */
  showLink(url) {
    const id = uniqueId("link");
    const input = el("input", { id, type: "text", class: "input", readonly: true, value: url, "aria-describedby": `${id}-hint`, onfocus: () => input.select() });
    const copy = async () => {
      if (await copyText(url)) this.tell("The link is on the clipboard.");
      else this.tell("The browser did not allow copying. Mark the link and copy it by hand.", "bad");
    };
    fill(
      this.fresh,
      el("div", { class: "field" }, el("label", { for: id }, "Your new link"), input),
      el("p", { id: `${id}-hint` }, "Copy it now: it is shown this once. Whoever has it can read and listen until it expires or you take it back."),
      el("div", { class: "button-row" }, el("button", { type: "button", class: "button button-primary", onclick: copy }, icon("copy"), "Copy the link")),
    );
    show(this.fresh, true);
    input.focus();
  }
}

/** @param {string} usual what it is without a number of days */
function daysChoice(usual) {
  return choice({
    label: "For how long",
    options: [{ value: "", label: usual }, ...DAYS.map((count) => ({ value: String(count), label: plural(count, "day", "days") }))],
  });
}

/** @param {{select: HTMLSelectElement}} chosen */
function daysOf({ select }) {
  return select.value === "" ? null : Number(select.value);
}
