/** The icons, drawn on a 24 unit grid, as SVG nodes (no markup strings, no files to fetch). */

const SVG = "http://www.w3.org/2000/svg";

/** Each icon is a list of stroked paths. */
const PATHS = {
  upload: ["M12 15.5V4.5", "M7.5 8.5 12 4l4.5 4.5", "M4.5 15.5v2.5a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-2.5"],
  download: ["M12 4v11", "M7.5 11 12 15.5 16.5 11", "M4.5 15.5v2.5a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-2.5"],
  play: ["M8 5.2v13.6a.6.6 0 0 0 .9.5l10.9-6.8a.6.6 0 0 0 0-1L8.9 4.7a.6.6 0 0 0-.9.5Z"],
  pause: ["M8.5 5v14", "M15.5 5v14"],
  back: ["M11 6 5 12l6 6", "M5 12h14"],
  close: ["M6 6l12 12", "M18 6 6 18"],
  trash: ["M4.5 7h15", "M9.5 7V4.5h5V7", "M6.5 7l.8 12.5h9.4L17.5 7", "M10.2 10.5v5.5", "M13.8 10.5v5.5"],
  retry: ["M19 12a7 7 0 1 1-2.2-5.1", "M19.5 4v4h-4"],
  copy: ["M9 9h10.5v10.5H9z", "M15 9V4.5H4.5V15H9"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  warning: ["M12 4 2.8 19.5h18.4z", "M12 10v4.5", "M12 17v.1"],
  info: ["M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z", "M12 11v5", "M12 8v.1"],
  clock: ["M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z", "M12 7.5V12l3 2"],
  search: ["M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12z", "M15 15l5 5"],
  up: ["M6 14.5l6-6 6 6"],
  down: ["M6 9.5l6 6 6-6"],
  wave: ["M4 10.5v3", "M8 7.5v9", "M12 4.5v15", "M16 8.5v7", "M20 10.5v3"],
  follow: ["M12 4v2.5", "M12 17.5V20", "M4 12h2.5", "M17.5 12H20", "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z"],
  pencil: ["M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5z", "M13.5 7l3.5 3.5"],
  history: ["M4.5 12a7.5 7.5 0 1 0 2.4-5.5", "M4 4.5V8h3.5", "M12 8v4.3l2.8 1.7"],
  key: ["M8 10.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M11 11.8 19.5 4", "M16 7.2l2.5 2.7"],
  share: ["M17.5 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M6.5 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M17.5 15.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M8.7 10.8l6.6-3.6", "M8.7 13.2l6.6 3.6"],
  link: ["M10 14a4 4 0 0 0 6 .4l2.6-2.6a4 4 0 0 0-5.7-5.7l-1.4 1.4", "M14 10a4 4 0 0 0-6-.4l-2.6 2.6a4 4 0 0 0 5.7 5.7l1.4-1.4"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z"],
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * An icon that says nothing by itself: the text beside it, or the label of its button, does.
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * A QR code as the box computed it, with its light frame.
 * @param {{size: number, path: string}} code
 * @param {string} label
 * @returns {SVGSVGElement}
 */
export function qrPicture(code, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${code.size} ${code.size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const ground = document.createElementNS(SVG, "rect");
  ground.setAttribute("width", String(code.size));
  ground.setAttribute("height", String(code.size));
  const modules = document.createElementNS(SVG, "path");
  modules.setAttribute("d", code.path);
  svg.append(ground, modules);
  return svg;
}

/**
 * The mark of Stenobox: sound on the left becomes lines of text on the right.
 * @returns {SVGSVGElement}
 */
export function logo() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "logo");
  svg.setAttribute("aria-hidden", "true");
  const box = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x: "1", y: "1", width: "30", height: "30", rx: "8" })) {
    box.setAttribute(name, value);
  }
  const lines = document.createElementNS(SVG, "path");
  lines.setAttribute("d", "M7.5 13.5v5M12 9v14M17 11.5h8M17 16h8M17 20.5h4.5");
  svg.append(box, lines);
  return svg;
}
