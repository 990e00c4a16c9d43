/** The whole window as a place to drop files on. */

import { el, show } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {{files: File[], folders: string[]}} Dropped */

/**
 * Makes the window take files; a layer over the page shows that it will.
 * @param {(dropped: Dropped) => void} onFiles
 * @returns {() => void} undoes it
 */
export function acceptDrops(onFiles) {
  const layer = el(
    "div",
    { class: "drop-layer", hidden: true, "aria-hidden": "true" },
    el("div", { class: "drop-layer-inner" }, icon("upload"), el("p", null, "Drop the recordings to transcribe them")),
  );
  document.body.append(layer);
  // Enter and leave fire for every element on the way, so they are counted.
  let depth = 0;
  const undo = new AbortController();
  const { signal } = undo;
  /** @param {DragEvent} event */
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  const reset = () => {
    depth = 0;
    show(layer, false);
  };
  window.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show(layer, true);
  }, { signal });
  window.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth -= 1;
    if (depth <= 0) reset();
  }, { signal });
  window.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  }, { signal });
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    reset();
    onFiles(read(event.dataTransfer));
  }, { signal });
  return () => {
    undo.abort();
    layer.remove();
  };
}

/**
 * A dropped folder looks like a file that cannot be read, so it is told apart here.
 * @param {DataTransfer} transfer
 * @returns {Dropped}
 */
function read(transfer) {
  /** @type {Dropped} */
  const dropped = { files: [], folders: [] };
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry?.isDirectory) dropped.folders.push(entry.name);
    else if (file) dropped.files.push(file);
  }
  return dropped;
}
