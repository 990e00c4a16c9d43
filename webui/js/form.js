/** Forms with labels, hints and errors that assistive technology can find. */

import { el, setText, show, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { explain } from "./messages.js";

/**
 * @typedef {object} Field
 * @property {HTMLElement} node
 * @property {HTMLInputElement} input
 * @property {(message: string) => void} setError an empty message takes the error away
 */

/**
 * A labelled input.
 * @param {{label: string, name: string, type?: string, hint?: string, [attribute: string]: any}} options the rest become
 *   attributes of the input
 * @returns {Field}
 */
export function field({ label, hint, type = "text", ...attributes }) {
  const id = uniqueId("field");
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  const input = el("input", {
    id, type, class: "input", "aria-describedby": hint ? `${hintId} ${errorId}` : errorId, ...attributes,
  });
  const error = el("p", { id: errorId, class: "field-error", hidden: true });
  const control = type === "password" ? el("div", { class: "password" }, input, reveal(input)) : input;
  return {
    input,
    node: el(
      "div",
      { class: "field" },
      el("label", { for: id }, label),
      control,
      hint ? el("p", { id: hintId, class: "hint" }, hint) : null,
      error,
    ),
    setError(message) {
      setText(error, message);
      show(error, message !== "");
      if (message) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

/**
 * Whose password a form asks for, unseen: password managers look for the name beside it.
 * @param {string} name
 */
export function accountName(name) {
  return el("input", { type: "text", name: "name", autocomplete: "username", value: name, readonly: true, hidden: true });
}

/** @param {HTMLInputElement} input */
function reveal(input) {
  return el(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": "Show the password",
      "aria-pressed": "false",
      /** @param {Event} event */
      onclick(event) {
        const shown = input.type === "password";
        input.type = shown ? "text" : "password";
        /** @type {HTMLElement} */ (event.currentTarget).setAttribute("aria-pressed", String(shown));
      },
    },
    icon("eye"),
  );
}

/**
 * A form that cannot be sent twice at once and says what went wrong.
 *
 * @param {{
 *   fields: Field[],
 *   extra?: Node[],
 *   submit: string,
 *   check?: () => boolean,
 *   send: () => Promise<void>,
 *   cancel?: () => void,
 * }} options `check` marks wrong fields and returns whether all are right; with `cancel` there is a button for it
 * @returns {HTMLFormElement}
 */
export function form({ fields, extra = [], submit, check = () => true, send, cancel }) {
  const alert = el("div", { class: "notice notice-bad", role: "alert", hidden: true });
  const button = el("button", { type: "submit", class: "button button-primary" }, submit);
  const node = el("form", { class: "form", method: "post", novalidate: true }, fields.map((f) => f.node), extra, alert, el(
    "div", { class: "form-buttons" }, button, cancel ? el("button", { type: "button", class: "button", onclick: cancel }, "Cancel") : null,
  ));
  let busy = false;
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    show(alert, false);
    if (!checkFields(fields) || !check()) {
      fields.find((f) => f.input.getAttribute("aria-invalid"))?.input.focus();
      return;
    }
    busy = true;
    button.setAttribute("aria-busy", "true");
    try {
      await send();
    } catch (error) {
      setText(alert, explain(error));
      show(alert, true);
    } finally {
      busy = false;
      button.removeAttribute("aria-busy");
    }
  });
  return node;
}

/**
 * The browser's own rules (required, length) with the browser's own words, but shown beside the field.
 * @param {Field[]} fields
 */
function checkFields(fields) {
  for (const { input, setError } of fields) setError(input.checkValidity() ? "" : complaint(input));
  return fields.every(({ input }) => input.checkValidity());
}

/** @param {HTMLInputElement} input */
function complaint(input) {
  if (input.validity.valueMissing) return "Please fill this in.";
  if (input.validity.tooShort) return `At least ${input.minLength} characters, please.`;
  return input.validationMessage;
}

/**
 * A labelled choice.
 * @param {{
 *   label: string,
 *   options: {value: string, label: string}[],
 *   value?: string,
 *   hint?: string,
 *   onchange?: (value: string) => void,
 * }} options
 * @returns {{node: HTMLElement, select: HTMLSelectElement}}
 */
export function choice({ label, options, value, hint, onchange }) {
  const id = uniqueId("choice");
  const hintId = `${id}-hint`;
  const select = el(
    "select",
    { id, class: "input", "aria-describedby": hint ? hintId : null, onchange: () => onchange?.(select.value) },
    options.map((option) => el("option", { value: option.value }, option.label)),
  );
  if (value !== undefined && options.some((option) => option.value === value)) select.value = value;
  return {
    select,
    node: el("div", { class: "field" }, el("label", { for: id }, label), select, hint ? el("p", { id: hintId, class: "hint" }, hint) : null),
  };
}
