/** Reading server-sent events from a text stream (WHATWG HTML, section 9.2.6 "Interpreting an event stream"). */

/** @typedef {{name: string, data: string}} ServerEvent */

export class SseParser {
  constructor() {
    this.buffer = "";
    this.name = "";
    /** @type {string[]} */
    this.data = [];
  }

  /**
   * Takes the next piece of the stream and returns the events that it completes.
   * @param {string} text
   * @returns {ServerEvent[]}
   */
  push(text) {
    this.buffer += text;
    /** @type {ServerEvent[]} */
    const events = [];
    // A lone CR at the very end may be the first half of a CRLF, so it stays for the next piece.
    const complete = this.buffer.endsWith("\r") ? this.buffer.slice(0, -1) : this.buffer;
    const lines = complete.split(/\r\n|\n|\r/);
    const rest = lines.pop() ?? "";
    this.buffer = rest + this.buffer.slice(complete.length);
    for (const line of lines) {
      const event = this.line(line);
      if (event) events.push(event);
    }
    return events;
  }

  /**
   * @param {string} line
   * @returns {ServerEvent | null}
   */
  line(line) {
    if (line === "") {
      const event = this.data.length > 0 ? { name: this.name || "message", data: this.data.join("\n") } : null;
      this.name = "";
      this.data = [];
      return event;
    }
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
    return null;
  }
}
