/** The search over all transcripts: what was said, where, with links to the second. */

import { el, fill, setText, show } from "../dom.js";
import { choice, field } from "../form.js";
import { capitalised, clock, fullMoment, moment, plural, span } from "../format.js";
import { icon } from "../icons.js";
import { explain } from "../messages.js";

/** @import { App, Found, FoundPart, FoundTranscript, View } from "../types.js" */

const FILTERS = ["language", "from", "to", "owner", "tag"];

/**
 * @param {App} app
 * @param {URLSearchParams} query
 * @returns {View & {ask: (query: URLSearchParams) => void}} `ask` searches for something else
 */
export function searchView(app, query) {
  const undo = new AbortController();
  const input = el("input", {
    type: "search", name: "q", class: "input search-input", "aria-label": "Words to look for", "aria-describedby": "search-hint",
    maxlength: 300, autocomplete: "off", enterkeyhint: "search",
  });
  const language = choice({
    label: "Language",
    options: [{ value: "", label: "Any" }, ...app.catalogue.languages.map(({ code, name }) => ({ value: code, label: capitalised(name) }))],
    onchange: () => send(),
  });
  const from = field({ label: "Sent from", name: "from", type: "date", onchange: () => send() });
  const to = field({ label: "Sent until", name: "to", type: "date", onchange: () => send() });
  const owner = app.user.role === "admin" ? ownerChoice(app, () => send()) : null;
  /** @type {string | null} */
  let tag = null;
  const tagged = el("p", { class: "tag-note", hidden: true });
  const state = el("p", { class: "search-state", role: "status" });
  const problem = el("p", { class: "notice notice-bad", role: "alert", hidden: true });
  const list = el("ol", { class: "hits" });
  const more = el("button", { type: "button", class: "button more", hidden: true }, "Show more");
  const send = () => {
    const wanted = new URLSearchParams();
    const values = {
      q: input.value.trim(), language: language.select.value, from: from.input.value, to: to.input.value, owner: owner?.select.value, tag,
    };
    for (const [name, value] of Object.entries(values)) if (value) wanted.set(name, value);
    const hash = `#/search?${wanted}`;
    if (location.hash === hash) ask(wanted);
    else app.navigate(hash);
  };
  const form = el(
    "form",
    { class: "search-form", role: "search", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    } },
    el("div", { class: "search" }, icon("search"), input, el("button", { type: "submit", class: "button button-primary" }, "Search")),
    el("p", { id: "search-hint", class: "hint" }, "All words have to be there. ", el("code", null, "\"just so\""), " finds a phrase, ",
      el("code", null, "begin*"), " what begins so, and ", el("code", null, "-word"), " leaves out what has it."),
    el("div", { class: "search-filters" }, language.node, from.node, to.node, owner?.node ?? null),
    tagged,
  );
  /** Of several searches only the last one may show something. */
  let turn = new AbortController();

  /** @param {URLSearchParams} wanted @param {string | null} cursor */
  const load = async (wanted, cursor) => {
    turn.abort();
    turn = new AbortController();
    const { signal } = turn;
    try {
      const asked = Object.fromEntries([...wanted].filter(([name]) => name === "q" || FILTERS.includes(name)));
      const found = await app.texts.search(cursor === null ? asked : { ...asked, cursor }, signal);
      if (signal.aborted || undo.signal.aborted) return;
      const fresh = found.hits.map((hit) => hitItem(app, hit, wanted));
      if (cursor === null) fill(list, fresh);
      else list.append(...fresh);
      setText(state, told(found));
      show(more, found.next !== null);
      more.onclick = () => load(wanted, found.next);
      if (cursor !== null) fresh[0]?.querySelector("a")?.focus();
    } catch (error) {
      if (signal.aborted || undo.signal.aborted) return;
      setText(problem, explain(error));
      show(problem, true);
      setText(state, "");
    }
  };

  /** @param {URLSearchParams} wanted */
  const ask = (wanted) => {
    input.value = wanted.get("q") ?? "";
    language.select.value = wanted.get("language") ?? "";
    from.input.value = wanted.get("from") ?? "";
    to.input.value = wanted.get("to") ?? "";
    if (owner) setOwner(owner.select, wanted.get("owner") ?? "");
    tag = wanted.get("tag");
    fill(tagged, "Tagged ", el("span", { class: "tag" }, tag), " ", el("a", { href: address(wanted, { tag: "" }) }, "Any tag"));
    show(tagged, tag !== null);
    show(problem, false);
    if (input.value) load(wanted, null);
    else {
      turn.abort();
      fill(list);
      show(more, false);
      setText(state, "");
    }
  };
  ask(query);
  return {
    title: "Search",
    node: el(
      "div", { class: "page" }, el("h1", { tabindex: -1, class: "page-title" }, "Search"), form, problem,
      el("section", { class: "search-results", "aria-label": "What was found" }, state, list, more),
    ),
    ask,
    destroy() {
      undo.abort();
      turn.abort();
    },
  };
}

/**
 * The accounts come from the box; until they are there, only the one that is asked for can be chosen.
 * @param {App} app
 * @param {() => void} onchange
 */
function ownerChoice(app, onchange) {
  const made = choice({ label: "Account", options: [{ value: "", label: "Any" }], onchange });
  app.api.users().then(({ users }) => {
    const { value } = made.select;
    made.select.append(...users.filter(({ name }) => name !== value).map(({ name }) => el("option", { value: name }, name)));
  }, () => {});
  return made;
}

/** @param {HTMLSelectElement} select @param {string} name */
function setOwner(select, name) {
  if (![...select.options].some(({ value }) => value === name)) select.append(el("option", { value: name }, name));
  select.value = name;
}

/**
 * The same search with something else in it.
 * @param {URLSearchParams} query
 * @param {Record<string, string>} change an empty value takes a filter away
 */
function address(query, change) {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(change)) {
    if (value) changed.set(name, value);
    else changed.delete(name);
  }
  return `#/search?${changed}`;
}

/** @param {Found} found */
function told({ total, complete }) {
  if (total === 0) return "Nothing was found.";
  return complete ? `${plural(total, "transcript", "transcripts")} found.` : `More than ${total} transcripts found; these are the newest.`;
}

/**
 * @param {App} app
 * @param {FoundTranscript} hit
 * @param {URLSearchParams} query what was asked for
 */
function hitItem(app, hit, query) {
  const language = app.catalogue.languages.find(({ code }) => code === hit.language)?.name ?? hit.language;
  const facts = [
    el("time", { datetime: hit.created_at, title: fullMoment(hit.created_at) }, moment(hit.created_at)),
    el("span", null, span(hit.duration)),
    el("span", null, capitalised(language)),
    hit.owner === app.user.name ? null : el("span", null, `from ${hit.owner}`),
  ];
  const rest = hit.lines - hit.passages.length;
  return el(
    "li",
    { class: "hit", dataset: { job: hit.job_id } },
    el("h2", { class: "hit-title" }, el("a", { href: `#/jobs/${hit.job_id}` }, marked(hit.title))),
    el("p", { class: "job-meta" }, facts),
    hit.tags.length > 0
      ? el("ul", { class: "tags", "aria-label": "Tags" }, hit.tags.map((tag) => (
        el("li", null, el("a", { href: address(query, { tag: tag.text }), class: "tag" }, marked([tag])))
      )))
      : null,
    el("ul", { class: "passages", lang: hit.language }, hit.passages.map((passage) => el(
      "li", null, el(
        "a", { href: `#/jobs/${hit.job_id}?at=${passage.start}`, class: "passage" },
        el("span", { class: "passage-time" }, clock(passage.start)), el("span", { dir: "auto" }, marked(passage.parts)),
      ),
    ))),
    rest > 0 ? el("p", { class: "hint" }, `and in ${plural(rest, "more line", "more lines")}`) : null,
  );
}

/** @param {FoundPart[]} parts */
function marked(parts) {
  return parts.map(({ text, hit }) => (hit ? el("mark", null, text) : text));
}
