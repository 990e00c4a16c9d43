/**
 * The live connection to the box.
 *
 * It reads the event stream with fetch and not with EventSource, because EventSource does not show the heartbeats: a box
 * that lost its power sends no goodbye, and only the missing heartbeat tells.
 */

import { SseParser } from "./sse.js";

/** The box sends a heartbeat each 15 s; after three missed ones the connection counts as dead. */
const SILENCE_MS = 45_000;
/** A tab in the background gives its connection back: a browser allows only six to one host over HTTP/1.1. */
const HIDDEN_MS = 60_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

/** @typedef {{state: "open"} | {state: "down", retryAt: number}} Connection */

export class EventStream {
  /**
   * @param {string} url
   * @param {{
   *   onEvent: (name: string, data: any) => void,
   *   onConnection: (connection: Connection) => void,
   *   onSignedOut: () => void,
   * }} handlers
   */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.failures = 0;
    this.stopped = true;
    /** @type {AbortController | null} */
    this.abort = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.retryTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.silenceTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.hiddenTimer = undefined;
    this.onVisibility = () => this.visibilityChanged();
  }

  start() {
    this.stopped = false;
    document.addEventListener("visibilitychange", this.onVisibility);
    this.connect();
  }

  stop() {
    this.stopped = true;
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearTimeout(this.hiddenTimer);
    this.disconnect();
  }

  /** Connects at once instead of waiting for the next try. */
  retryNow() {
    if (this.stopped) return;
    this.disconnect();
    this.connect();
  }

  disconnect() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    this.abort?.abort();
    this.abort = null;
  }

  async connect() {
    const abort = new AbortController();
    this.abort = abort;
    try {
      await this.read(abort);
    } catch {
      // Whatever ended it, the answer is the same: try again.
    }
    clearTimeout(this.silenceTimer);
    if (this.abort !== abort || this.stopped) return;
    this.scheduleRetry();
  }

  /** @param {AbortController} abort */
  async read(abort) {
    this.expectSignOfLife(abort);
    const response = await fetch(this.url, {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal: abort.signal,
    });
    if (response.status === 401) {
      this.stop();
      this.handlers.onSignedOut();
      return;
    }
    if (!response.ok || !response.body) throw new Error(`event stream: status ${response.status}`);
    this.failures = 0;
    this.handlers.onConnection({ state: "open" });
    const parser = new SseParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.expectSignOfLife(abort);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        this.handlers.onEvent(event.name, JSON.parse(event.data));
      }
    }
  }

  /** @param {AbortController} abort */
  expectSignOfLife(abort) {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => abort.abort(), SILENCE_MS);
  }

  scheduleRetry() {
    this.failures += 1;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** (this.failures - 1), LONGEST_RETRY_MS);
    // The first failure is often a quick restart of the box: not worth a notice.
    if (this.failures > 1) this.handlers.onConnection({ state: "down", retryAt: Date.now() + wait });
    this.retryTimer = setTimeout(() => this.connect(), wait);
  }

  visibilityChanged() {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) this.hiddenTimer = setTimeout(() => this.disconnect(), HIDDEN_MS);
    else if (this.abort === null) this.connect();
  }
}
