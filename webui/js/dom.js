/**
 * Building DOM nodes. Text always goes in as a text node, never as markup, so that what a recording says or what a
 * file is called can never become part of the page.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Creates an element.
 *
 * `props`: `class` and `dataset` as their names say; `onclick` and the like take functions; true and false set or leave out
 * an attribute; anything else becomes an attribute.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any> | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    setProp(node, name, value);
  }
  node.append(...nodes(children));
  return node;
}

/**
 * @param {HTMLElement} node
 * @param {string} name
 * @param {any} value
 */
function setProp(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "dataset") Object.assign(node.dataset, value);
  else if (name === "class") node.className = value;
  else if (name.startsWith("on")) {
    if (typeof value !== "function") throw new TypeError(`${name} takes a function`);
    node.addEventListener(name.slice(2), value);
  } else node.setAttribute(name, value === true ? "" : String(value));
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function nodes(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/**
 * Replaces what `node` holds.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children));
}

/**
 * Sets the text of `node` only when it differs, so that assistive technology is not told of changes that are none.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {boolean} shown
 */
export function show(node, shown) {
  node.toggleAttribute("hidden", !shown);
}

/**
 * An id for label, hint and error wiring, unique in this document.
 * @param {string} stem
 */
export function uniqueId(stem) {
  return `${stem}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
}
