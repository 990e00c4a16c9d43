/** The API for people who write scripts, made from the box's own OpenAPI document. */

import { copyText } from "../clipboard.js";
import { el, fill } from "../dom.js";
import { explain } from "../messages.js";
import { Schemas } from "../schema.js";

/** @import { App, View } from "../types.js" */
/** @import { Field } from "../schema.js" */

const AREAS = [
  ["sending", "Sending recordings"],
  ["jobs", "Jobs"],
  ["texts", "Corrections, versions and search"],
  ["library", "Library"],
  ["openai", "OpenAI's audio API"],
  ["tus", "Resumable uploads (tus)"],
  ["access", "Access"],
  ["network", "The network"],
  ["machine", "The box"],
];

const JSON_TYPE = "application/json";

/**
 * @param {App} app
 * @returns {View}
 */
export function referenceView(app) {
  const body = el("div", null, el("p", { class: "muted" }, "Reading…"));
  const filter = el("input", { type: "search", class: "input", "aria-label": "Find an address", placeholder: "Find an address, such as /transcript", oninput: () => narrow(body, filter.value) });
  app.api.request("GET", "/api/openapi.json").then(
    (document) => {
      fill(body, areas(/** @type {any} */ (document), app));
      narrow(body, filter.value);
    },
    (error) => fill(body, el("p", { class: "notice notice-bad", role: "alert" }, explain(error))),
  );
  return {
    title: "API",
    node: el(
      "div",
      { class: "page reference" },
      el("h1", { tabindex: -1, class: "page-title" }, "API"),
      el("p", { class: "lead" }, "Everything that this page does, a script can do with an ", el("a", { href: "#/keys" }, "API key"),
        ", sent as ", el("code", null, "Authorization: Bearer KEY"), ". The same as a file for programs: ",
        el("a", { href: "/api/openapi.json", download: "stenobox-openapi.json" }, "openapi.json"), "."),
      filter,
      body,
    ),
  };
}

/**
 * @param {any} document
 * @param {App} app
 */
function areas(document, app) {
  const schemas = new Schemas(document.components.schemas);
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(/** @type {any} */ (methods)).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
  const named = new Map(/** @type {[string, string][]} */ (AREAS));
  const known = [...new Set([...named.keys(), ...all.map(({ operation }) => operation.tags[0])])];
  return known
    .map((area) => [area, all.filter(({ operation }) => operation.tags[0] === area)])
    .filter(([, operations]) => operations.length > 0)
    .map(([area, operations]) =>
      el("section", { class: "reference-area", "aria-labelledby": `area-${area}` },
        el("h2", { id: `area-${area}` }, named.get(String(area)) ?? capital(String(area))),
        /** @type {any[]} */ (operations).map((each) => one(each, schemas, app))));
}

/**
 * @param {{path: string, method: string, operation: any}} described
 * @param {Schemas} schemas
 * @param {App} app
 */
function one({ path, method, operation }, schemas, app) {
  const node = el("details", { class: "operation", dataset: { find: `${method} ${path} ${operation.summary}`.toLowerCase() } },
    el("summary", null, el("code", { class: "operation-name" }, el("b", null, method), ` ${path}`), el("span", null, operation.summary)));
  // Only what somebody opens is built: there are hundreds of tables.
  node.addEventListener("toggle", () => {
    if (!node.open || node.dataset.built) return;
    node.dataset.built = "yes";
    node.append(el("div", { class: "operation-body" }, details(path, method, operation, schemas, app)));
  });
  return node;
}

/**
 * @param {string} path
 * @param {string} method
 * @param {any} operation
 * @param {Schemas} schemas
 * @param {App} app
 */
function details(path, method, operation, schemas, app) {
  const parameters = (operation.parameters ?? []).map((/** @type {any} */ each) => ({
    name: each.name,
    kind: `${schemas.kind(each.schema)}, in the ${each.in}`,
    required: each.required,
    meaning: each.description ?? "",
    fields: [],
  }));
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [null, null];
  const command = curl(path, method, type, /** @type {any} */ (content)?.schema, schemas);
  const copy = el("button", { type: "button", class: "button button-small", onclick: async () => {
    await copyText(command);
    app.announce("Copied.");
  } }, "Copy");
  return [
    el("p", { class: "muted" }, operation.description.replaceAll("`", "")),
    el("div", { class: "command" }, el("pre", { tabindex: 0 }, command), copy),
    parameters.length > 0 ? [el("h3", null, "Parameters"), table(parameters)] : null,
    content ? [el("h3", null, "Body: ", el("code", null, type)), table(schemas.fields(/** @type {any} */ (content).schema))] : null,
    el("h3", null, "Answers"),
    Object.entries(operation.responses).map(([status, answer]) => answerOf(status, /** @type {any} */ (answer), schemas)),
  ].flat(2);
}

/**
 * @param {string} status
 * @param {any} answer
 * @param {Schemas} schemas
 */
function answerOf(status, answer, schemas) {
  const schema = answer.content?.[JSON_TYPE]?.schema;
  const fields = schema && status.startsWith("2") ? schemas.fields(schema) : [];
  const line = el("p", { class: "answer" }, el("b", null, status), " ", answer.description.replaceAll("`", ""));
  return fields.length > 0 ? el("div", null, line, table(fields, "sometimes")) : line;
}

/**
 * @param {Field[]} fields
 * @param {"needed" | "sometimes"} marked what is said of fields: which have to be sent, or which may be missing
 */
function table(fields, marked = "needed") {
  if (fields.length === 0) return el("p", { class: "muted" }, "As it is.");
  return el("div", { class: "table-scroll", tabindex: 0, role: "group", "aria-label": "Fields" },
    el("table", { class: "fields" },
      el("thead", null, el("tr", null, ["Name", "What it is", "Meaning"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", null, rows(fields, "", marked))));
}

/**
 * @param {Field[]} fields
 * @param {string} prefix
 * @param {"needed" | "sometimes"} marked
 * @returns {HTMLElement[]}
 */
function rows(fields, prefix, marked) {
  return fields.flatMap((field) => [
    el("tr", null,
      el("td", null, el("code", null, prefix + field.name), field.required === (marked === "needed") ? el("span", { class: "needed" }, ` ${marked}`) : null),
      el("td", null, field.kind),
      el("td", null, field.meaning.replaceAll("`", ""))),
    ...rows(field.fields, `${prefix}${field.name}.`, marked),
  ]);
}

/**
 * @param {string} path
 * @param {string} method
 * @param {string | null} type
 * @param {any} schema
 * @param {Schemas} schemas
 */
function curl(path, method, type, schema, schemas) {
  const parts = ["curl -f", method === "GET" ? "" : `-X ${method}`, '-H "Authorization: Bearer $STENOBOX_KEY"'];
  if (type === JSON_TYPE) parts.push(`--json '${JSON.stringify(schemas.example(schema))}'`);
  else if (type === "multipart/form-data") parts.push("-F file=@interview.wav");
  else if (type) parts.push(`-H "Content-Type: ${type}" --data-binary @piece`);
  parts.push(`"${location.origin}${path}"`);
  return parts.filter(Boolean).join(" ");
}

/**
 * @param {HTMLElement} body
 * @param {string} text
 */
function narrow(body, text) {
  const wanted = text.trim().toLowerCase();
  for (const node of body.querySelectorAll("details")) node.hidden = !(node.dataset.find ?? "").includes(wanted);
  for (const area of body.querySelectorAll("section")) area.hidden = !area.querySelector("details:not([hidden])");
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
