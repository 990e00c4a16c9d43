/** The models on the box: verified and removed here, installed from the command line. */

import { removeModel, verifyModel } from "../box.js";
import { confirmDialog } from "../dialog.js";
import { el } from "../dom.js";
import { plural, size } from "../format.js";
import { explain } from "../messages.js";

/** @import { App } from "../types.js" */
/** @import { InstalledModel } from "../box.js" */

/**
 * @param {App} app
 * @param {InstalledModel[]} models
 * @param {() => Promise<void>} reload
 * @returns {HTMLElement[]}
 */
export function modelsTable(app, models, reload) {
  return [
    el("div", { class: "table-wrap" }, el(
      "table",
      { class: "table" },
      el("thead", null, el("tr", null, ["Name", "Runs on", "Size", "State", "From"].map((title) => el("th", { scope: "col" }, title)),
        el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Actions")))),
      el("tbody", null, models.map((model) => row(app, model, reload))),
    )),
    el("p", { class: "muted" }, "Models are installed on the box itself: ", el("code", null, "stenobox models"), "."),
  ];
}

/**
 * @param {App} app
 * @param {InstalledModel} model
 * @param {() => Promise<void>} reload
 */
function row(app, model, reload) {
  const verify = async (/** @type {Event} */ event) => {
    const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
    // Not disabled: it would lose the focus.
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const verdict = await verifyModel(app.api, model.name);
      if (verdict.ok) app.notify(`Every byte of ${model.name} is as it should be.`, "good");
      else app.notify(`${model.name} is not whole. ${verdict.detail ?? ""}`, "bad");
    } catch (error) {
      app.notify(explain(error));
    }
    button.removeAttribute("aria-busy");
  };
  const remove = async () => {
    const sure = await confirmDialog({
      title: `Remove ${model.name}?`,
      text: `Its ${size(model.size)} leave the disk. Transcripts that it made stay. To have it again it has to be installed again.`,
      yes: "Remove",
    });
    if (!sure) return;
    try {
      await removeModel(app.api, model.name);
      app.notify(`${model.name} was removed.`, "good");
    } catch (error) {
      app.notify(explain(error));
    }
    await reload();
  };
  const named = () => el("span", { class: "visually-hidden" }, ` ${model.name}`);
  return el(
    "tr",
    null,
    el("th", { scope: "row" }, model.name, model.default ? el("span", { class: "muted" }, " (default)") : null),
    el("td", { dataset: { label: "Runs on" } }, model.target || "–"),
    el("td", { dataset: { label: "Size" } }, size(model.size)),
    el("td", { dataset: { label: "State" } }, state(model)),
    el("td", { dataset: { label: "From" } }, el("div", { class: "long-word" }, model.source), el("div", { class: "muted" }, model.licence),
      model.sha256 ? el("code", { class: "muted", title: `SHA-256 ${model.sha256}` }, model.sha256.slice(0, 12)) : null),
    el("td", { class: "table-actions" }, el("div", { class: "button-row" },
      el("button", { type: "button", class: "button button-small", onclick: verify }, "Verify", named()),
      el("button", { type: "button", class: "button button-small", onclick: remove }, "Remove", named()))),
  );
}

/** @param {InstalledModel} model */
function state(model) {
  if (!model.usable) return [el("span", { class: "verdict verdict-bad" }, "not usable"), el("div", { class: "long-word" }, model.problem)];
  const words = [model.loaded ? "in memory" : "on the disk"];
  if (model.waiting > 0) words.push(`${plural(model.waiting, "job needs", "jobs need")} it`);
  return words.join(", ");
}
