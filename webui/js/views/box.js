/** The box itself, for administrators: is it well, is it fast, its models, its settings. */

import { health, installedModels, performance, settings } from "../box.js";
import { el, fill } from "../dom.js";
import { explain } from "../messages.js";
import { figures } from "./box_figures.js";
import { modelsTable } from "./box_models.js";
import { settingsTables, warningList } from "./box_settings.js";

/** @import { App, View } from "../types.js" */
/** @import { Health } from "../box.js" */

/**
 * @param {App} app
 * @returns {View}
 */
export function boxView(app) {
  const wellness = part("Health", async () => checks(await health(app.api)));
  const speed = part("Performance", async () => figures(await performance(app.api)));
  const models = part("Models", async () => modelsTable(app, (await installedModels(app.api)).models, () => models.load()));
  const set = part("Settings", async () => {
    const found = await settings(app.api);
    return [warningList(found.warnings), ...settingsTables(found)];
  });
  const parts = [wellness, speed, models, set];
  const again = el("button", { type: "button", class: "button", onclick: async () => {
    await Promise.all(parts.map((each) => each.load()));
    app.announce("The figures are up to date.");
  } }, "Look again");
  for (const each of parts) each.load();
  return {
    title: "Box",
    node: el(
      "div",
      { class: "page box" },
      el("h1", { tabindex: -1, class: "page-title" }, "Box"),
      el("p", { class: "lead" }, "How the box is, and how it is set up. Settings are changed on the box itself, in its settings file."),
      again,
      parts.map((each) => each.node),
    ),
  };
}

/**
 * A section whose content is asked for, and asked for again; one that fails leaves the others alone.
 * @param {string} title
 * @param {() => Promise<HTMLElement | (HTMLElement | null)[]>} ask
 */
function part(title, ask) {
  const id = `box-${title.toLowerCase()}`;
  const body = el("div", { class: "box-part" }, el("p", { class: "muted" }, "Asking the box…"));
  return {
    node: el("section", { "aria-labelledby": id }, el("h2", { id }, title), body),
    load: async () => {
      try {
        fill(body, await ask());
      } catch (error) {
        fill(body, el("p", { class: "notice notice-bad", role: "alert" }, explain(error)));
      }
    },
  };
}

/** @param {Health} found */
function checks(found) {
  return el(
    "ul",
    { class: "rows" },
    found.checks.map((check) => el(
      "li",
      { class: "row" },
      el("div", { class: "row-body" }, el("strong", null, check.name), el("p", { class: "muted" }, check.detail)),
      el("span", { class: check.ok ? "verdict verdict-good" : "verdict verdict-bad" }, check.ok ? "well" : "not well"),
    )),
  );
}
