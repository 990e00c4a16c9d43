/**
 * What this page knows of jobs, from answers and from live events, with events for the views:
 * `job` (detail: Job), `segments` (detail: {jobId, position, duration}), `transcript` (detail: {job_id, version, author}),
 * `deleted` (detail: id), `reload`.
 */

/** @import { Job, Segment } from "./types.js" */

/** Progress older than this says little about the speed now. */
const RATE_WINDOW_MS = 180_000;

export class JobStore extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Job>} */
    this.jobs = new Map();
    /** @type {Map<string, Map<number, Segment>>} */
    this.live = new Map();
    /** @type {Map<string, {time: number, progress: number}[]>} */
    this.samples = new Map();
    /** @type {Map<string, number>} */
    this.touched = new Map();
    this.clock = 0;
  }

  /** A point in time to pass to `merge`: take it before asking the box. */
  mark() {
    return this.clock;
  }

  /**
   * Takes in jobs that the box answered with, except those of which a live event told something newer meanwhile.
   * @param {Job[]} jobs
   * @param {number} mark
   */
  merge(jobs, mark) {
    for (const job of jobs) {
      if ((this.touched.get(job.id) ?? 0) <= mark) this.put(job);
    }
  }

  /** @param {Job} job */
  put(job) {
    this.touch(job.id);
    this.sample(job);
    this.jobs.set(job.id, job);
    const fromScratch = job.state === "queued" && job.progress === 0;
    if (fromScratch || job.state === "done") this.live.delete(job.id);
    this.dispatchEvent(new CustomEvent("job", { detail: job }));
  }

  /** @param {string} id */
  touch(id) {
    this.clock += 1;
    this.touched.set(id, this.clock);
  }

  /** @param {string} id */
  remove(id) {
    // An answer that is still on its way must not bring the job back.
    this.touch(id);
    for (const map of [this.jobs, this.live, this.samples]) map.delete(id);
    this.dispatchEvent(new CustomEvent("deleted", { detail: id }));
  }

  /**
   * @param {string} name
   * @param {any} data
   */
  apply(name, data) {
    if (name === "job") this.put(data);
    else if (name === "segments") this.addSegments(data);
    else if (name === "transcript") this.dispatchEvent(new CustomEvent("transcript", { detail: data }));
    else if (name === "deleted") this.remove(data.job_id);
    else if (name === "reload") this.reload();
  }

  /** Tells the views that something may have been missed. */
  reload() {
    this.dispatchEvent(new CustomEvent("reload"));
  }

  /** Forgets everything, as when somebody else signs in. */
  clear() {
    for (const map of [this.jobs, this.live, this.samples, this.touched]) map.clear();
  }

  /** @param {{job_id: string, segments: Segment[], position: number, duration: number | null}} data */
  addSegments(data) {
    this.addLines(data.job_id, data.segments);
    const detail = { jobId: data.job_id, position: data.position, duration: data.duration };
    this.dispatchEvent(new CustomEvent("segments", { detail }));
  }

  /** @param {string} id @param {Segment[]} segments */
  addLines(id, segments) {
    const live = this.live.get(id) ?? new Map();
    for (const segment of segments) live.set(segment.id, segment);
    this.live.set(id, live);
  }

  /**
   * The lines that were heard so far, in order.
   * @param {string} id
   * @returns {Segment[]}
   */
  liveSegments(id) {
    return [...(this.live.get(id)?.values() ?? [])].sort((a, b) => a.id - b.id);
  }

  /** @param {Job} job */
  sample(job) {
    if (job.state !== "running") {
      this.samples.delete(job.id);
      return;
    }
    const now = Date.now();
    const before = this.jobs.get(job.id);
    const samples = before?.attempt === job.attempt ? (this.samples.get(job.id) ?? []) : [];
    if (samples.at(-1)?.progress !== job.progress) samples.push({ time: now, progress: job.progress });
    while (samples.length > 2 && samples[0].time < now - RATE_WINDOW_MS) samples.shift();
    this.samples.set(job.id, samples);
  }

  /**
   * Seconds until the job is probably done, judged by the speed that this page has seen; null when it cannot tell yet.
   * @param {Job} job
   * @returns {number | null}
   */
  remaining(job) {
    const samples = this.samples.get(job.id);
    if (!samples || samples.length < 2) return null;
    const first = samples[0];
    const last = samples[samples.length - 1];
    const gained = last.progress - first.progress;
    const spent = (last.time - first.time) / 1000;
    if (gained <= 0 || spent < 2) return null;
    const sinceLast = (Date.now() - last.time) / 1000;
    return Math.max(0, ((1 - last.progress) * spent) / gained - sinceLast);
  }
}
