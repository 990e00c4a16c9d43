/** Routes after the `#`: `#/`, `#/jobs/ID`, `#/keys`, ... Back and forward of the browser work by themselves. */

/**
 * @typedef {object} Route
 * @property {string} path a path such as "/jobs/:id"; a part that starts with a colon matches anything
 * @property {(params: Record<string, string>, query: URLSearchParams) => void} show
 */

export class Router {
  /**
   * @param {Route[]} routes
   * @param {() => void} otherwise called when no route matches
   */
  constructor(routes, otherwise) {
    this.routes = routes;
    this.otherwise = otherwise;
    this.onChange = () => this.resolve();
  }

  start() {
    window.addEventListener("hashchange", this.onChange);
    this.resolve();
  }

  stop() {
    window.removeEventListener("hashchange", this.onChange);
  }

  resolve() {
    const [path, query] = location.hash.replace(/^#/, "").split("?", 2);
    const parts = (path || "/").split("/").filter(Boolean);
    for (const route of this.routes) {
      const params = match(route.path, parts);
      if (params) {
        route.show(params, new URLSearchParams(query));
        return;
      }
    }
    this.otherwise();
  }
}

/**
 * @param {string} pattern
 * @param {string[]} parts
 * @returns {Record<string, string> | null}
 */
function match(pattern, parts) {
  const expected = pattern.split("/").filter(Boolean);
  if (expected.length !== parts.length) return null;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, name] of expected.entries()) {
    if (name.startsWith(":")) params[name.slice(1)] = safeDecode(parts[index]);
    else if (name !== parts[index]) return null;
  }
  return params;
}

/** @param {string} text */
function safeDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
