/**
 * The audio player of a recording: play and pause, seek, speed; Space and the arrow keys work anywhere on its page.
 * Events: `position` (detail: seconds) while it plays and after a seek.
 */

import { el, fill, setText, show } from "./dom.js";
import { clock } from "./format.js";
import { icon } from "./icons.js";
import { waveform } from "./wave.js";

/** @import { Peaks } from "./types.js" */

const SEEK_SECONDS = 5;
const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2];

export class Player extends EventTarget {
  /**
   * @param {string} url
   * @param {number | null} duration seconds, until the browser knows better
   */
  constructor(url, duration) {
    super();
    this.knownDuration = duration ?? 0;
    this.frame = 0;
    this.dragging = false;
    this.undo = new AbortController();
    this.audio = el("audio", { src: url, preload: "metadata" });
    this.button = el("button", { type: "button", class: "play-button", onclick: () => this.toggle() });
    this.now = el("span", { class: "player-time" }, "0:00");
    this.total = el("span", { class: "player-time" }, clock(this.knownDuration));
    this.slider = el("input", {
      type: "range", class: "player-slider", min: 0, max: Math.max(1, this.knownDuration), step: "any", value: 0,
      "aria-label": "Position in the recording",
    });
    this.track = el("div", { class: "player-track" }, this.slider);
    this.speed = el(
      "select",
      { class: "input player-speed", "aria-label": "Speed", onchange: () => this.setSpeed(Number(this.speed.value)) },
      SPEEDS.map((rate) => el("option", { value: rate, selected: rate === 1 }, `${rate}×`)),
    );
    this.problem = el("p", { class: "player-problem", role: "alert", hidden: true });
    this.controls = el(
      "div",
      { class: "player-controls" },
      this.button, this.now, this.track, this.total, this.speed,
    );
    this.node = el(
      "section", { class: "player", "aria-label": "Player" }, this.controls, this.problem, this.audio,
    );
    this.listen();
    this.paint();
  }

  listen() {
    const { audio, slider } = this;
    const { signal } = this.undo;
    for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => this.stateChanged(), { signal });
    for (const name of ["loadedmetadata", "durationchange"]) {
      audio.addEventListener(name, () => this.durationChanged(), { signal });
    }
    for (const name of ["timeupdate", "seeked"]) audio.addEventListener(name, () => this.moved(), { signal });
    audio.addEventListener("error", () => this.cannotPlay(), { signal });
    slider.addEventListener("input", () => {
      this.dragging = true;
      this.seek(Number(slider.value));
    }, { signal });
    slider.addEventListener("change", () => {
      this.dragging = false;
    }, { signal });
    // Arrow keys on a range with step "any" would move by a hundredth of a 10-hour recording.
    slider.addEventListener("keydown", (event) => this.sliderKey(event), { signal });
    document.addEventListener("keydown", (event) => this.pageKey(event), { signal });
  }

  /** Shows the shape of the sound behind the slider. @param {Peaks} peaks */
  showWaveform(peaks) {
    this.track.querySelector(".wave")?.remove();
    this.track.prepend(waveform(peaks));
    this.track.classList.add("has-wave");
  }

  get duration() {
    return Number.isFinite(this.audio.duration) ? this.audio.duration : this.knownDuration;
  }

  get position() {
    return this.audio.currentTime;
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  toggle() {
    if (this.playing) this.audio.pause();
    else this.play();
  }

  play() {
    // A refusal (no such format, autoplay rules) shows through the error event or simply as "paused".
    this.audio.play().catch(() => this.paint());
  }

  /** @param {number} seconds */
  playFrom(seconds) {
    this.seek(seconds);
    this.play();
  }

  /** @param {number} seconds */
  seek(seconds) {
    const end = this.duration;
    this.audio.currentTime = Math.max(0, end > 0 ? Math.min(seconds, end) : seconds);
    this.moved();
  }

  /** @param {number} rate */
  setSpeed(rate) {
    this.audio.playbackRate = rate;
  }

  destroy() {
    this.undo.abort();
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    // Lets go of the connection that the browser holds for the rest of the file.
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  stateChanged() {
    this.paint();
    cancelAnimationFrame(this.frame);
    if (this.playing) this.follow();
  }

  /** `timeupdate` comes only about four times a second: too coarse to mark a short segment in time. */
  follow() {
    this.moved();
    this.frame = requestAnimationFrame(() => {
      if (this.playing) this.follow();
    });
  }

  durationChanged() {
    this.slider.max = String(Math.max(1, this.duration));
    setText(this.total, clock(this.duration));
    this.moved();
  }

  moved() {
    const position = this.position;
    setText(this.now, clock(position));
    if (!this.dragging) this.slider.value = String(position);
    const text = `${clock(position)} of ${clock(this.duration)}`;
    if (this.slider.getAttribute("aria-valuetext") !== text) this.slider.setAttribute("aria-valuetext", text);
    const share = this.duration > 0 ? (position / this.duration) * 100 : 0;
    this.track.style.setProperty("--played", `${share.toFixed(2)}%`);
    this.dispatchEvent(new CustomEvent("position", { detail: position }));
  }

  paint() {
    const state = this.playing ? "pause" : "play";
    if (this.button.dataset.shows === state) return;
    this.button.dataset.shows = state;
    this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    fill(this.button, icon(state));
  }

  cannotPlay() {
    if (this.undo.signal.aborted) return;
    const format = this.audio.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED;
    setText(
      this.problem,
      format
        ? "This browser cannot play the recording. The transcript is not affected."
        : "Playing stopped because the recording could not be loaded. Check the connection and press play again.",
    );
    show(this.problem, true);
    show(this.controls, !format);
  }

  /** @param {KeyboardEvent} event */
  sliderKey(event) {
    const step = { ArrowLeft: -SEEK_SECONDS, ArrowDown: -SEEK_SECONDS, ArrowRight: SEEK_SECONDS, ArrowUp: SEEK_SECONDS }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.seek(this.position + step);
    } else if (event.key === " ") {
      event.preventDefault();
      this.toggle();
    }
  }

  /** @param {KeyboardEvent} event */
  pageKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest("input, select, textarea, dialog, [contenteditable]")) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      this.seek(this.position + (event.key === "ArrowLeft" ? -SEEK_SECONDS : SEEK_SECONDS));
    } else if (event.key === " " && !target.closest("button, a, summary")) {
      event.preventDefault();
      this.toggle();
    }
  }
}
