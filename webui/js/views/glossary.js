/** One's own glossary: names and terms that the model is told of before it listens. */

import { el, uniqueId } from "../dom.js";
import { form } from "../form.js";
import { explain } from "../messages.js";

/** @import { App } from "../types.js" */

/**
 * @param {App} app
 * @returns {HTMLElement}
 */
export function glossarySection(app) {
  const id = uniqueId("glossary");
  const words = el("textarea", { id, class: "input glossary", rows: 5, spellcheck: "false", "aria-describedby": `${id}-hint`, disabled: true });
  let etag = "";
  const field = el(
    "div", { class: "field" },
    el("label", { for: id }, "Names and terms"),
    words,
    el("p", { id: `${id}-hint`, class: "hint" }, "One to a line, as they are written. The model listens for them in what you send from now on. A few dozen work best."),
  );
  const edited = form({
    fields: [],
    extra: [field],
    submit: "Save the words",
    send: async () => {
      const answer = await app.texts.writeGlossary(words.value.split("\n"), etag);
      etag = answer.etag;
      words.value = answer.body.words.join("\n");
      app.notify("The words were saved.", "good");
    },
  });
  const load = async () => {
    try {
      const answer = await app.texts.glossary();
      etag = answer.etag;
      words.value = answer.body.words.join("\n");
      words.disabled = false;
    } catch (error) {
      app.notify(explain(error));
    }
  };
  load();
  return el("section", { class: "panel", "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, "Words to listen for"), edited);
}
