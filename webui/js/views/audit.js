/** Who did what; for administrators. */

import { el, fill, setText, show } from "../dom.js";
import { choice, field } from "../form.js";
import { fullMoment, moment } from "../format.js";
import { explain } from "../messages.js";

/** @import { App, View } from "../types.js" */

/**
 * @typedef {object} Row
 * @property {number} seq
 * @property {string} time
 * @property {string | null} actor
 * @property {string} via
 * @property {string | null} address
 * @property {string} action
 * @property {string | null} target
 * @property {Record<string, string | number | boolean | null>} details
 */

const SUBJECTS = [
  { value: "", label: "Everything" },
  { value: "auth", label: "Signing in and out" },
  { value: "user", label: "Accounts" },
  { value: "key", label: "API keys" },
  { value: "transcript", label: "Reading transcripts" },
  { value: "audio", label: "Hearing recordings" },
  { value: "job", label: "Deleting transcripts" },
  { value: "recording", label: "Deleting recordings" },
  { value: "model", label: "Models" },
  { value: "share", label: "Sharing" },
  { value: "snapshot", label: "Snapshots" },
  { value: "box", label: "Starts of the box" },
  { value: "audit", label: "This trail itself" },
];

/** @type {Record<string, string>} */
const WAYS = {
  session: "signed in on the page",
  key: "with an API key",
  local: "by a command on the box",
  box: "by itself",
  none: "without signing in",
};

/**
 * @param {App} app
 * @returns {View}
 */
export function auditView(app) {
  const body = el("tbody");
  const table = el("div", { class: "table-wrap" }, el(
    "table", { class: "table audit" },
    el("thead", null, el("tr", null, ["When", "Who", "What", "To what", "Details"].map((title) => el("th", { scope: "col" }, title)))),
    body,
  ));
  const status = el("p", { class: "muted", role: "status" });
  const alert = el("p", { class: "notice notice-bad", role: "alert", hidden: true });
  const more = el("button", { type: "button", class: "button", hidden: true, onclick: () => load(true) }, "Show older ones");
  const downloads = el("div", { class: "downloads" });
  const subject = choice({ label: "What", options: SUBJECTS, onchange: () => load(false) });
  const who = field({ label: "Who", name: "actor", maxlength: 64, autocomplete: "off", autocapitalize: "none", spellcheck: "false", onchange: () => load(false) });
  const since = field({ label: "From", name: "from", type: "date", onchange: () => load(false) });
  const until = field({ label: "To", name: "to", type: "date", onchange: () => load(false) });
  /** @type {string | null} */
  let next = null;
  /** Answers that come after a newer question are of no interest. */
  let asked = 0;

  const wanted = () => {
    const query = new URLSearchParams();
    if (subject.select.value) query.set("action", subject.select.value);
    if (who.input.value.trim()) query.set("actor", who.input.value.trim());
    if (since.input.value) query.set("from", startOfDay(since.input.value, 0));
    if (until.input.value) query.set("to", startOfDay(until.input.value, 1));
    return query;
  };
  const load = async (/** @type {boolean} */ older) => {
    const mine = ++asked;
    const query = wanted();
    fill(downloads, ["csv", "ndjson"].map((kind) => el(
      "a", { class: "button button-small", href: exportUrl(query, kind), download: "" }, `Download as ${kind.toUpperCase()}`)));
    if (older && next) query.set("cursor", next);
    try {
      const page = await app.api.request("GET", `/api/admin/audit?${query}`);
      if (mine !== asked) return;
      show(alert, false);
      if (!older) fill(body);
      body.append(...page.rows.map(row));
      next = page.next;
      show(more, next !== null);
      const count = body.children.length;
      setText(status, count === 0 ? "Nothing of that kind is recorded." : `${count}${next ? " of more" : ""} shown. Last row: ${page.head.seq}.`);
    } catch (error) {
      if (mine !== asked) return;
      setText(alert, explain(error));
      show(alert, true);
    }
  };
  load(false);
  return {
    title: "Audit trail",
    node: el(
      "div",
      { class: "page" },
      el("h1", { tabindex: -1, class: "page-title" }, "Audit trail"),
      el("p", { class: "lead" }, "What people and the box did, the newest first. Nothing here can be changed; ",
        el("code", null, "stenobox audit verify"), " proves it."),
      el("form", { class: "filter-row", onsubmit: submitted(() => load(false)), "aria-label": "Filter" },
        subject.node, who.node, since.node, until.node),
      alert,
      el("section", { "aria-label": "Rows" }, status, table, more),
      downloads,
    ),
  };
}

/** @param {() => void} act @returns {(event: Event) => void} */
function submitted(act) {
  return (event) => {
    event.preventDefault();
    act();
  };
}

/** @param {Row} each */
function row(each) {
  const details = Object.entries(each.details).map(([name, value]) => `${name.replaceAll("_", " ")}: ${value ?? "none"}`);
  return el(
    "tr",
    null,
    el("td", { dataset: { label: "When" } }, el("time", { datetime: each.time, title: fullMoment(each.time) }, moment(each.time))),
    el("td", { dataset: { label: "Who" } }, each.actor ?? "nobody", el("span", { class: "muted" }, ` ${WAYS[each.via] ?? each.via}`,
      each.address ? ` from ${each.address}` : null)),
    el("td", { dataset: { label: "What" } }, el("code", null, each.action)),
    el("td", { dataset: { label: "To what" } }, each.target ? el("code", { class: "long-word" }, each.target) : null),
    el("td", { dataset: { label: "Details" } }, details.length > 0 ? el("span", { class: "long-word" }, details.join(", ")) : null),
  );
}

/** The first moment of a day where the reader is. @param {string} day @param {number} later in days */
function startOfDay(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** @param {URLSearchParams} query @param {string} kind */
function exportUrl(query, kind) {
  const whole = new URLSearchParams(query);
  whole.set("format", kind);
  return `/api/admin/audit/export?${whole}`;
}
