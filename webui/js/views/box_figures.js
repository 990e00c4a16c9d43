/** How fast the box is, and what it has to work with. */

import { el } from "../dom.js";
import { percent, plural, size, span } from "../format.js";

/** @import { DoneLately, Performance } from "../box.js" */

/**
 * @param {Performance} found
 * @returns {HTMLElement[]}
 */
export function figures(found) {
  return [
    speedTable(found),
    el("p", { class: "muted" }, "The factor is the time of the work over the length of the recording: 0.1 is ten times as fast as it was spoken.",
      found.complete ? null : " The day had more jobs than are looked at: these are the newest."),
    el("dl", { class: "figures" }, [
      ["Waiting for a turn", waiting(found)],
      ["Requests", requests(found)],
      ["Delay of the event loop", found.event_loop_lag_p99_seconds === null ? "not known yet"
        : `99 of 100 below ${milliseconds(found.event_loop_lag_p99_seconds)}`],
      ...machine(found),
      ["Running for", span(found.uptime_seconds)],
    ].flatMap(([name, text]) => [el("dt", null, name), el("dd", null, text)])),
  ];
}

/** @param {Performance} found */
function speedTable(found) {
  return el("div", { class: "table-wrap" }, el(
    "table",
    { class: "table" },
    el("thead", null, el("tr", null, ["Done", "Jobs", "Audio", "Work", "Factor, by model"].map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", null, done("In the last hour", found.last_hour), done("In the last day", found.last_day)),
  ));
}

/** @param {string} when @param {DoneLately} lately */
function done(when, lately) {
  const factors = lately.models.map((model) =>
    el("div", null, `${model.model}: ${factor(model.realtime_factor_median)}`,
      el("span", { class: "muted" }, `, nine of ten below ${factor(model.realtime_factor_p90)}`)));
  return el(
    "tr",
    null,
    el("th", { scope: "row" }, when),
    el("td", { dataset: { label: "Jobs" } }, lately.jobs),
    el("td", { dataset: { label: "Audio" } }, span(lately.audio_seconds)),
    el("td", { dataset: { label: "Work" } }, span(lately.work_seconds)),
    el("td", { dataset: { label: "Factor, by model" } }, factors.length > 0 ? factors : "–"),
  );
}

/** @param {Performance} found */
function waiting({ waiting_seconds: waits }) {
  if (waits.median === null || waits.p90 === null) return "no job in the last day";
  return `half of ${plural(waits.count, "job", "jobs")} at most ${span(waits.median)}, nine of ten at most ${span(waits.p90)}`;
}

/** @param {Performance} found */
function requests({ requests: asked }) {
  const rate = `${asked.per_second.toFixed(asked.per_second < 10 ? 1 : 0)} a second since the start`;
  if (asked.p50_seconds === null || asked.p99_seconds === null) return rate;
  return `${rate}; half below ${milliseconds(asked.p50_seconds)}, 99 of 100 below ${milliseconds(asked.p99_seconds)}`;
}

/**
 * @param {Performance} found
 * @returns {[string, string][]}
 */
function machine({ host, gpus }) {
  /** @type {[string, string][]} */
  const rows = [];
  if (host.load1 !== null) rows.push(["Load", `${host.load1.toFixed(2)} on ${plural(host.cpus ?? 1, "processor", "processors")}`]);
  if (host.memory_available !== null) rows.push(["Memory", `${size(host.memory_available)} free of ${size(host.memory_total ?? 0)}`]);
  if (host.disk_free !== null) rows.push(["Disk", `${size(host.disk_free)} free of ${size(host.disk_size ?? 0)}`]);
  for (const gpu of gpus) {
    const told = [
      gpu.healthy ? null : "does not answer",
      gpu.utilization === null ? null : `${percent(gpu.utilization)} in use`,
      gpu.memory_used === null ? null : `${size(gpu.memory_used)} of ${size(gpu.memory_total ?? 0)}`,
      gpu.temperature === null ? null : `${Math.round(gpu.temperature)} °C`,
      gpu.power === null ? null : `${Math.round(gpu.power)} W`,
    ];
    rows.push([`GPU ${gpu.index}`, told.filter(Boolean).join(", ")]);
  }
  if (gpus.length === 0) rows.push(["GPU", "none"]);
  return rows;
}

/** @param {number | null} value */
function factor(value) {
  return value === null ? "–" : value.toFixed(value < 0.1 ? 3 : 2);
}

/** @param {number} seconds */
function milliseconds(seconds) {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}
