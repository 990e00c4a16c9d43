/** JSON Schemas of the OpenAPI document in words for people: "list of numbers", "`queued` or `running`". */

/** @typedef {Record<string, any>} Schema */

/** @typedef {{name: string, kind: string, required: boolean, meaning: string, fields: Field[]}} Field */

const DEEPEST = 6;

/** Reads schemas of one document. */
export class Schemas {
  /** @param {Record<string, Schema>} components */
  constructor(components) {
    this.components = components;
  }

  /** @param {Schema} schema @returns {Schema} */
  resolved(schema) {
    const name = this.nameOf(schema);
    return name ? (this.components[name] ?? {}) : schema;
  }

  /** @param {Schema} schema @returns {string | null} */
  nameOf(schema) {
    return typeof schema.$ref === "string" ? schema.$ref.split("/").at(-1) : null;
  }

  /**
   * What a value is, in few words.
   * @param {Schema} schema
   * @returns {string}
   */
  kind(schema) {
    const name = this.nameOf(schema);
    const whole = this.resolved(schema);
    if (whole.enum) return choice(whole.enum.map((/** @type {unknown} */ value) => JSON.stringify(value)));
    if (whole.const !== undefined) return JSON.stringify(whole.const);
    const several = whole.anyOf ?? whole.oneOf;
    if (several) return choice(several.map((/** @type {Schema} */ one) => this.kind(one)));
    if (whole.type === "array") return `list of ${whole.items ? this.kind(whole.items) : "anything"}`;
    if (name && whole.type === "object") return name;
    if (whole.format) return `${whole.type} (${whole.format})`;
    return whole.type ?? "anything";
  }

  /**
   * The fields of an object, or of the objects in a list; empty for what has none.
   * @param {Schema} schema
   * @param {number} [depth]
   * @returns {Field[]}
   */
  fields(schema, depth = 0) {
    const whole = this.resolved(schema);
    if (depth > DEEPEST) return [];
    if (whole.type === "array" && whole.items) return this.fields(whole.items, depth);
    const several = whole.anyOf ?? whole.oneOf;
    if (several) {
      const held = several.filter((/** @type {Schema} */ one) => this.resolved(one).type !== "null");
      return held.length === 1 ? this.fields(held[0], depth) : [];
    }
    const required = new Set(whole.required ?? []);
    return Object.entries(whole.properties ?? {}).map(([name, property]) => ({
      name,
      kind: this.kind(property),
      required: required.has(name),
      meaning: property.description ?? this.resolved(property).description ?? "",
      fields: this.fields(property, depth + 1),
    }));
  }

  /**
   * An example of a body with what it has to have.
   * @param {Schema} schema
   * @returns {unknown}
   */
  example(schema) {
    const whole = this.resolved(schema);
    if (whole.default !== undefined && whole.default !== null) return whole.default;
    if (whole.enum) return whole.enum[0];
    const several = whole.anyOf ?? whole.oneOf;
    if (several) return this.example(several[0]);
    if (whole.type === "array") return [];
    if (whole.type === "integer" || whole.type === "number") return whole.minimum ?? 0;
    if (whole.type === "boolean") return false;
    if (whole.type === "null") return null;
    if (whole.type !== "object") return "…";
    const names = whole.required ?? Object.keys(whole.properties ?? {}).slice(0, 1);
    return Object.fromEntries(names.map((/** @type {string} */ name) => [name, this.example(whole.properties?.[name] ?? {})]));
  }
}

/** @param {string[]} kinds */
function choice(kinds) {
  return [...new Set(kinds)].join(" or ");
}
