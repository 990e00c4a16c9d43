/** The shape of a recording's sound, as SVG nodes. */

/** @import { Peaks } from "./types.js" */

const SVG = "http://www.w3.org/2000/svg";
const HALF = 50;
/** Silence is a thin line and not nothing. */
const THINNEST = 1;

/**
 * The shape twice, one over the other: for what was played and for what was not. The loudest place fills the height.
 * @param {Peaks} peaks
 * @returns {SVGSVGElement}
 */
export function waveform(peaks) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${peaks.length} ${2 * HALF}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "wave");
  svg.setAttribute("aria-hidden", "true");
  const d = outline(peaks);
  for (const part of ["wave-rest", "wave-played"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", part);
    svg.append(path);
  }
  return svg;
}

/** @param {Peaks} peaks */
function outline({ length, data }) {
  const loudest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const scale = (HALF - THINNEST) / loudest;
  const above = [];
  const below = [];
  for (let at = 0; at < length; at += 1) {
    const high = HALF - THINNEST / 2 - Math.max(0, data[2 * at + 1]) * scale;
    const low = HALF + THINNEST / 2 - Math.min(0, data[2 * at]) * scale;
    above.push(`${at} ${high.toFixed(1)}H${at + 1}`);
    below.push(`${at + 1} ${low.toFixed(1)}H${at}`);
  }
  return `M${above.join("L")}L${below.reverse().join("L")}Z`;
}
