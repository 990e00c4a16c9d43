/** What a webhook is asked to tell, and where: for a new one and for changes. */

import { checks } from "../checks.js";
import { field, form } from "../form.js";

/** @typedef {"job.done" | "job.failed" | "job.quarantined" | "job.cancelled"} JobEnd */

/** @typedef {{url: string, events: JobEnd[], every_job: boolean, title: boolean}} WebhookWishes */

/** @type {{value: JobEnd, label: string}[]} */
const ENDS = [
  { value: "job.done", label: "A transcript is ready" },
  { value: "job.failed", label: "A job failed" },
  { value: "job.quarantined", label: "A job was set aside after several failures" },
  { value: "job.cancelled", label: "A job was cancelled" },
];

/** @type {JobEnd[]} */
const USUAL = ["job.done", "job.failed", "job.quarantined"];

/** @param {string} event */
export function eventLabel(event) {
  if (event === "webhook.test") return "Test";
  return ENDS.find(({ value }) => value === event)?.label ?? event;
}

/** @param {readonly string[]} chosen those that are on; none: the usual ones */
export function endsChecks(chosen) {
  const on = chosen.length > 0 ? chosen : USUAL;
  const node = checks({
    legend: "What about?",
    options: ENDS.map(({ value, label }) => ({ value, label, checked: on.includes(value) })),
    least: "Choose at least one.",
  });
  return { ...node, events: () => /** @type {JobEnd[]} */ (node.values()) };
}

/**
 * @param {{
 *   now?: WebhookWishes,
 *   submit: string,
 *   send: (wishes: WebhookWishes) => Promise<void>,
 *   cancel?: () => void,
 * }} options
 */
export function webhookForm({ now, submit, send, cancel }) {
  const url = field({ label: "Address", name: "url", type: "url", required: true, maxlength: 2000, placeholder: "https://", value: now?.url ?? "" });
  const ends = endsChecks(now?.events ?? []);
  const more = checks({
    legend: "How much?",
    options: [
      { value: "every_job", label: "All of my jobs, not only those that name this webhook", checked: now?.every_job ?? true },
      { value: "title", label: "With the title of the recording", checked: now?.title ?? false },
    ],
  });
  return form({
    fields: [url],
    extra: [ends.node, more.node],
    submit,
    check: ends.check,
    send: () => {
      const chosen = more.values();
      return send({
        url: url.input.value.trim(), events: ends.events(), every_job: chosen.includes("every_job"), title: chosen.includes("title"),
      });
    },
    cancel,
  });
}
