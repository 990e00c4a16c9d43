/** The settings in force, and what is unsafe in them. Only to read: they are changed on the box itself. */

import { el } from "../dom.js";
import { plural } from "../format.js";

/** @import { BoxSettings, Section, Setting } from "../box.js" */

const ORIGINS = { default: "default", file: "settings file", environment: "environment", command: "command line" };

/**
 * @param {{code: string, text: string}[]} warnings
 */
export function warningList(warnings) {
  if (warnings.length === 0) return el("p", null, el("span", { class: "verdict verdict-good" }, "well"), " Nothing in the settings is unsafe.");
  return el("ul", { class: "box-warnings", "aria-label": "Unsafe settings" },
    warnings.map(({ code, text }) => el("li", { class: "notice notice-bad" }, el("p", null, el("strong", null, code), `: ${text}`))));
}

/**
 * @param {BoxSettings} found
 * @returns {HTMLElement[]}
 */
export function settingsTables({ sections, inboxes }) {
  return [
    ...sections.map((section) => table(section, section.name || "Above all sections")),
    ...inboxes.map((section) => table(section, `Hot folder ${section.name}`)),
  ];
}

/**
 * @param {Section} section
 * @param {string} title
 */
function table(section, title) {
  const changed = section.settings.filter(({ origin }) => origin !== "default").length;
  return el(
    "details",
    { class: "operation" },
    el("summary", null, el("strong", null, title), el("span", null, changed > 0 ? `${plural(changed, "setting", "settings")} of your own` : "defaults")),
    el("div", { class: "operation-body" }, el(
      "table",
      { class: "table" },
      el("thead", null, el("tr", null, ["Setting", "Value", "From", "Meaning"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", null, section.settings.map(row)),
    )),
  );
}

/** @param {Setting} setting */
function row(setting) {
  return el(
    "tr",
    null,
    el("th", { scope: "row" }, el("code", null, setting.name)),
    el("td", { dataset: { label: "Value" } }, el("code", { class: "long-word" }, value(setting))),
    el("td", { dataset: { label: "From" } }, ORIGINS[setting.origin]),
    el("td", { dataset: { label: "Meaning" } }, setting.meaning),
  );
}

/** @param {Setting} setting */
function value(setting) {
  if (setting.secret) return setting.is_set ? "set, not shown" : "not set";
  if (setting.value === null || setting.value === "") return "not set";
  if (Array.isArray(setting.value)) return setting.value.length > 0 ? setting.value.join(", ") : "none";
  return String(setting.value);
}
