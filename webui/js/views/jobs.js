/** The start page: new transcriptions above, all jobs below, live. */

import { el, fill, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { FILTERS, explain } from "../messages.js";
import { JobRow } from "./job_row.js";
import { Selection } from "./selection.js";
import { uploadPanel } from "./upload_panel.js";

/** @import { App, Job, JobState, View } from "../types.js" */

/** @typedef {typeof FILTERS[number]} Filter */

/**
 * @param {App} app
 * @param {string | null} filterId
 * @param {string | null} tag show only what has it
 * @returns {View & {setFilter: (id: string | null, tag: string | null) => void}} `setFilter` changes the list and leaves the rest as it is
 */
export function jobsView(app, filterId, tag) {
  const panel = app.user.role === "viewer" ? null : uploadPanel(app);
  const filters = el("nav", { class: "filters", "aria-label": "Show jobs by state" });
  const chips = FILTERS.map(({ id, label }) => el("a", { href: address(id, null), class: "chip", dataset: { filter: id } }, label));
  const trash = app.user.role === "viewer" ? null : el("a", { href: "#/trash", class: "trash-link" }, icon("trash"), "Trash");
  filters.append(...chips);
  const section = el("section", { class: "job-list", "aria-labelledby": "jobs-title" });
  const title = el("h2", { id: "jobs-title", class: "visually-hidden" }, "Jobs");
  /** @type {JobList | null} */
  let list = null;
  /** @param {string | null} id @param {string | null} wanted */
  const setFilter = (id, wanted) => {
    const filter = FILTERS.find((entry) => entry.id === id) ?? FILTERS[0];
    for (const chip of chips) {
      chip.setAttribute("href", address(chip.dataset.filter, wanted));
      if (chip.dataset.filter === filter.id) chip.setAttribute("aria-current", "true");
      else chip.removeAttribute("aria-current");
    }
    list?.destroy();
    list = new JobList(app, filter, wanted);
    fill(section, title, el("div", { class: "filter-line" }, filters, el("div", { class: "filter-side" }, list.selection.toggle, trash)), wanted ? tagNote(wanted, address(filter.id, null)) : null, list.nodes);
  };
  setFilter(filterId, tag);
  return {
    node: el("div", { class: "page" }, el("h1", { tabindex: -1, class: "page-title" }, "Transcripts"), panel?.node, section),
    title: "Transcripts",
    setFilter,
    destroy() {
      panel?.destroy();
      list?.destroy();
    },
  };
}

/**
 * @param {string | undefined} id
 * @param {string | null} tag
 */
function address(id, tag) {
  const query = new URLSearchParams();
  if (id && id !== "all") query.set("state", id);
  if (tag) query.set("tag", tag);
  return query.size > 0 ? `#/?${query}` : "#/";
}

/**
 * @param {string} tag
 * @param {string} without where everything is, tagged or not
 */
function tagNote(tag, without) {
  return el("p", { class: "tag-note" }, "Tagged ", el("span", { class: "tag" }, tag), el("a", { href: without }, "Show all"));
}

class JobList {
  /**
   * @param {App} app
   * @param {Filter} filter
   * @param {string | null} tag
   */
  constructor(app, filter, tag) {
    this.app = app;
    this.filter = filter;
    this.tag = tag;
    /** @type {Map<string, JobRow>} */
    this.rows = new Map();
    /** Where each asked state goes on; null when it is at its end. @type {Map<JobState | undefined, string | null>} */
    this.cursors = new Map();
    this.undo = new AbortController();
    this.loading = false;
    this.list = el("ul", { class: "jobs", "aria-label": filter.id === "all" ? "Jobs" : `Jobs: ${filter.label}` });
    this.empty = el("div", { class: "empty", hidden: true });
    this.problem = el("div", { class: "notice notice-bad", role: "alert", hidden: true });
    this.more = el("button", { type: "button", class: "button more", hidden: true, onclick: () => this.load(false) }, "Show older ones");
    this.selection = new Selection(app, this.rows, this.list);
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
    const { states } = this.filter;
    const tagged = this.tag === null || job.tags.some((tag) => same(tag, this.tag ?? ""));
    return tagged && (states.length === 0 || states.includes(job.state));
  }

  /**
   * Asks the box: from the newest on, or for what comes after those shown.
   * @param {boolean} fromStart
   */
  async load(fromStart) {
    if (this.loading) return;
    this.loading = true;
    const mark = this.app.store.mark();
    const states = this.filter.states.length > 0 ? this.filter.states : [undefined];
    try {
      const wanted = states.filter((state) => fromStart || this.cursors.get(state));
      const pages = await Promise.all(
        wanted.map((state) => this.app.api.jobs({ state, tag: this.tag, cursor: fromStart ? null : this.cursors.get(state) })),
      );
      if (this.undo.signal.aborted) return;
      wanted.forEach((state, index) => this.cursors.set(state, pages[index].next));
      const jobs = pages.flatMap((page) => page.jobs);
      if (fromStart) this.forgetAllBut(jobs);
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
  }

  /**
   * After a gap in the events, rows may be of jobs that are gone.
   * @param {Job[]} jobs
   */
  forgetAllBut(jobs) {
    const kept = new Set(jobs.map(({ id }) => id));
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
    } else if (this.filter.id === "all") {
      fill(this.empty, icon("wave"), el("p", null, el("strong", null, "Nothing here yet.")),
        el("p", null, "Your recordings and their transcripts will appear in this place."));
    } else {
      fill(this.empty, el("p", null, `Nothing here is “${this.filter.label.toLowerCase()}” at the moment.`),
        el("p", null, el("a", { href: "#/" }, "Show all")));
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
