/** The start page: new transcriptions above, all jobs below, live. */

import { el, fill, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { FILTERS, explain } from "../messages.js";
import { JobRow } from "./job_row.js";
import { Selection } from "./selection.js";
import { shareDialog } from "./share_dialog.js";
import { uploadPanel } from "./upload_panel.js";

/** @import { App, Job, JobState, View } from "../types.js" */

/** @typedef {typeof FILTERS[number]} Filter */

/** What a list shows. @typedef {{filter: Filter, tag: string | null, shared: boolean}} Choice */

/**
 * @param {App} app
 * @param {URLSearchParams} query
 * @param {boolean} shared whether to show what others share instead of one's own
 * @returns {View & {choose: (query: URLSearchParams, shared: boolean) => void}} `choose` changes the list and leaves the rest as it is
 */
export function jobsView(app, query, shared) {
  const panel = app.user.role === "viewer" ? null : uploadPanel(app);
  const whose = el("nav", { class: "whose", "aria-label": "Whose transcripts" },
    el("a", { href: "#/" }, app.user.role === "admin" ? "Everybody's" : "Mine"), el("a", { href: "#/shared" }, "Shared with me"));
  const filters = el("nav", { class: "filters", "aria-label": "Show jobs by state" });
  const chips = FILTERS.map((filter) => ({ filter, node: el("a", { class: "chip", dataset: { filter: filter.id } }, filter.label) }));
  const trash = app.user.role === "viewer" ? null : el("a", { href: "#/trash", class: "trash-link" }, icon("trash"), "Trash");
  filters.append(...chips.map(({ node }) => node));
  const section = el("section", { class: "job-list", "aria-labelledby": "jobs-title" });
  const title = el("h2", { id: "jobs-title", class: "visually-hidden" }, "Jobs");
  /** @type {JobList | null} */
  let list = null;
  /** @param {URLSearchParams} wanted @param {boolean} theirs */
  const choose = (wanted, theirs) => {
    const filter = FILTERS.find(({ id }) => id === wanted.get("state")) ?? FILTERS[0];
    const choice = { filter, tag: wanted.get("tag"), shared: theirs };
    for (const chip of chips) {
      chip.node.setAttribute("href", address({ ...choice, filter: chip.filter }));
      setCurrent(chip.node, chip.filter === filter);
    }
    [...whose.children].forEach((link, index) => setCurrent(link, (index === 1) === theirs));
    if (panel) show(panel.node, !theirs);
    if (trash) show(trash, !theirs);
    list?.destroy();
    list = new JobList(app, choice);
    const focused = document.activeElement;
    fill(section, title, el("div", { class: "filter-line" }, filters, el("div", { class: "filter-side" }, list.selection.toggle, trash)),
      choice.tag === null ? null : tagNote(app, choice.tag, choice), list.nodes);
    // The link that was pressed was taken out for a moment.
    if (focused instanceof HTMLElement && section.contains(focused)) focused.focus();
  };
  choose(query, shared);
  return {
    node: el("div", { class: "page" },
      el("div", { class: "title-line" }, el("h1", { tabindex: -1, class: "page-title" }, "Transcripts"), whose), panel?.node, section),
    title: "Transcripts",
    choose,
    destroy() {
      panel?.destroy();
      list?.destroy();
    },
  };
}

/** @param {Element} link @param {boolean} current */
function setCurrent(link, current) {
  if (current) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

/** @param {Choice} choice */
function address({ filter, tag, shared }) {
  const query = new URLSearchParams();
  if (filter.id !== "all") query.set("state", filter.id);
  if (tag) query.set("tag", tag);
  const path = shared ? "#/shared" : "#/";
  return query.size > 0 ? `${path}?${query}` : path;
}

/**
 * @param {App} app
 * @param {string} tag
 * @param {Choice} choice
 */
function tagNote(app, tag, choice) {
  const give = el("button", { type: "button", class: "button button-small", "aria-haspopup": "dialog", onclick: () => shareDialog(app, { tag }, tag) },
    icon("share"), "Share everything with this tag");
  return el("p", { class: "tag-note" }, "Tagged ", el("span", { class: "tag" }, tag), el("a", { href: address({ ...choice, tag: null }) }, "Show all"),
    choice.shared || app.user.role === "viewer" ? null : give);
}

class JobList {
  /**
   * @param {App} app
   * @param {Choice} choice
   */
  constructor(app, { filter, tag, shared }) {
    this.app = app;
    this.filter = filter;
    this.tag = tag;
    this.shared = shared;
    /** What the box answered with: administrators own what is shared with them too. @type {Set<string>} */
    this.answered = new Set();
    /** @type {Map<string, JobRow>} */
    this.rows = new Map();
    /** Where each asked state goes on; null when it is at its end. @type {Map<JobState | undefined, string | null>} */
    this.cursors = new Map();
    this.undo = new AbortController();
    this.loading = false;
    /** Whether to ask once more from the newest on, after what is being asked now. */
    this.again = false;
    this.list = el("ul", { class: "jobs", "aria-label": filter.id === "all" ? "Jobs" : `Jobs: ${filter.label}` });
    this.empty = el("div", { class: "empty", hidden: true });
    this.problem = el("div", { class: "notice notice-bad", role: "alert", hidden: true });
    this.more = el("button", { type: "button", class: "button more", hidden: true, onclick: () => this.load(false) }, "Show older ones");
    this.selection = new Selection(app, this.rows, this.list, !shared);
    this.nodes = [this.selection.bar, this.problem, this.list, this.empty, this.more];
    const { signal } = this.undo;
    app.store.addEventListener("job", (event) => this.put(/** @type {CustomEvent} */ (event).detail), { signal });
    app.store.addEventListener("deleted", (event) => this.drop(/** @type {CustomEvent} */ (event).detail), { signal });
    app.store.addEventListener("reload", () => this.load(true), { signal });
    this.ticker = setInterval(() => this.tick(), 1000);
    this.load(true);
  }

  destroy() {
    this.undo.abort();
    clearInterval(this.ticker);
  }

  /** @param {Job} job */
  fits(job) {
    const here = this.shared ? job.access !== "own" || this.answered.has(job.id) : job.access === "own";
    const { states } = this.filter;
    const tagged = this.tag === null || job.tags.some((tag) => same(tag, this.tag ?? ""));
    return here && tagged && (states.length === 0 || states.includes(job.state));
  }

  /**
   * Asks the box: from the newest on, or for what comes after those shown.
   * @param {boolean} fromStart
   */
  async load(fromStart) {
    if (this.loading) {
      this.again ||= fromStart;
      return;
    }
    this.loading = true;
    const mark = this.app.store.mark();
    const states = this.filter.states.length > 0 ? this.filter.states : [undefined];
    try {
      const wanted = states.filter((state) => fromStart || this.cursors.get(state));
      const pages = await Promise.all(
        wanted.map((state) => this.app.api.jobs({ state, tag: this.tag, shared: this.shared, cursor: fromStart ? null : this.cursors.get(state) })),
      );
      if (this.undo.signal.aborted) return;
      wanted.forEach((state, index) => this.cursors.set(state, pages[index].next));
      const jobs = pages.flatMap((page) => page.jobs);
      if (fromStart) this.forgetAllBut(jobs);
      for (const { id } of jobs) this.answered.add(id);
      this.app.store.merge(jobs, mark);
      // What the store already knew better was not announced again, so it is put in here.
      for (const { id } of jobs) {
        const known = this.app.store.jobs.get(id);
        if (known) this.put(known);
      }
      show(this.problem, false);
      this.paintEmpty();
    } catch (error) {
      setText(this.problem, explain(error));
      show(this.problem, true);
    } finally {
      this.loading = false;
      show(this.more, [...this.cursors.values()].some(Boolean));
    }
    // The answer may have been on its way already when something was shared.
    if (!this.again || this.undo.signal.aborted) return;
    this.again = false;
    this.load(true);
  }

  /**
   * After a gap in the events, rows may be of jobs that are gone.
   * @param {Job[]} jobs
   */
  forgetAllBut(jobs) {
    const kept = new Set(jobs.map(({ id }) => id));
    this.answered.clear();
    for (const id of [...this.rows.keys()]) if (!kept.has(id)) this.removeRow(id);
  }

  /** @param {Job} job */
  put(job) {
    const row = this.rows.get(job.id);
    if (!this.fits(job)) {
      if (row) this.drop(job.id);
      return;
    }
    if (row) {
      row.update(job);
      this.selection.paint();
      return;
    }
    const added = new JobRow(this.app, job);
    this.rows.set(job.id, added);
    const next = [...this.list.children].find((node) => isNewer(job, this.rows.get(/** @type {any} */ (node).dataset.job)?.job));
    this.list.insertBefore(added.node, next ?? null);
    this.paintEmpty();
  }

  /** @param {string} id */
  drop(id) {
    this.removeRow(id);
    this.paintEmpty();
  }

  /** @param {string} id */
  removeRow(id) {
    const row = this.rows.get(id);
    if (!row) return;
    const neighbour = row.node.nextElementSibling ?? row.node.previousElementSibling;
    const hadFocus = row.node.contains(document.activeElement);
    row.node.remove();
    this.rows.delete(id);
    if (!hadFocus) return;
    const next = neighbour?.querySelector("a") ?? this.list.closest(".page")?.querySelector("h1");
    /** @type {HTMLElement | null | undefined} */ (next)?.focus();
  }

  tick() {
    for (const row of this.rows.values()) row.tick();
  }

  paintEmpty() {
    const nothing = this.rows.size === 0;
    this.selection.paint();
    show(this.empty, nothing);
    show(this.list, !nothing);
    if (!nothing) return;
    if (this.tag !== null) {
      fill(this.empty, el("p", null, `Nothing here is tagged “${this.tag}”.`));
    } else if (this.filter.id === "all" && this.shared) {
      fill(this.empty, icon("share"), el("p", null, el("strong", null, "Nothing is shared with you.")),
        el("p", null, "What others share with you will appear in this place."));
    } else if (this.filter.id === "all") {
      fill(this.empty, icon("wave"), el("p", null, el("strong", null, "Nothing here yet.")),
        el("p", null, "Your recordings and their transcripts will appear in this place."));
    } else {
      fill(this.empty, el("p", null, `Nothing here is “${this.filter.label.toLowerCase()}” at the moment.`),
        el("p", null, el("a", { href: this.shared ? "#/shared" : "#/" }, "Show all")));
    }
  }
}

/** Whether two tags are one. @param {string} one @param {string} other */
function same(one, other) {
  return one.normalize("NFC").toLowerCase() === other.normalize("NFC").toLowerCase();
}

/**
 * Whether `job` belongs above `other`.
 * @param {Job} job
 * @param {Job | undefined} other
 */
function isNewer(job, other) {
  if (!other) return false;
  return job.created_at === other.created_at ? job.id > other.id : job.created_at > other.created_at;
}
