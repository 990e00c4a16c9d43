/** What administrators ask of the box itself. */

/** @import { Api } from "./api.js" */

/**
 * @typedef {object} InstalledModel
 * @property {string} name
 * @property {string} target
 * @property {string} provider
 * @property {number} size bytes
 * @property {string} sha256
 * @property {string} licence
 * @property {string} source
 * @property {boolean} usable
 * @property {string | null} problem
 * @property {boolean} default
 * @property {boolean} loaded
 * @property {number} waiting jobs that name it
 *
 * @typedef {object} Setting
 * @property {string} name
 * @property {string | number | boolean | string[] | null} value
 * @property {string | number | boolean | string[] | null} default
 * @property {"default" | "file" | "environment" | "command"} origin
 * @property {boolean} secret
 * @property {boolean} is_set
 * @property {string} meaning
 *
 * @typedef {{name: string, settings: Setting[]}} Section
 *
 * @typedef {object} BoxSettings
 * @property {Section[]} sections
 * @property {Section[]} inboxes
 * @property {{code: string, text: string}[]} warnings
 *
 * @typedef {object} DoneLately
 * @property {number} jobs
 * @property {number} audio_seconds
 * @property {number} work_seconds
 * @property {{model: string, jobs: number, realtime_factor_median: number | null, realtime_factor_p90: number | null}[]} models
 *
 * @typedef {object} Performance
 * @property {number} uptime_seconds
 * @property {DoneLately} last_hour
 * @property {DoneLately} last_day
 * @property {boolean} complete
 * @property {{count: number, median: number | null, p90: number | null}} waiting_seconds
 * @property {number | null} event_loop_lag_p99_seconds
 * @property {{count: number, per_second: number, p50_seconds: number | null, p99_seconds: number | null}} requests
 * @property {{load1: number | null, cpus: number | null, memory_total: number | null, memory_available: number | null,
 *   disk_free: number | null, disk_size: number | null}} host
 * @property {{index: number, healthy: boolean, utilization: number | null, memory_used: number | null,
 *   memory_total: number | null, temperature: number | null, power: number | null}[]} gpus
 *
 * @typedef {{ok: boolean, checks: {name: string, ok: boolean, detail: string}[]}} Health
 */

/** @param {Api} api @returns {Promise<Health>} */
export function health(api) {
  return api.request("GET", "/api/admin/health/system");
}

/** @param {Api} api @returns {Promise<Performance>} */
export function performance(api) {
  return api.request("GET", "/api/admin/health/performance");
}

/** @param {Api} api @returns {Promise<BoxSettings>} */
export function settings(api) {
  return api.request("GET", "/api/admin/settings");
}

/** @param {Api} api @returns {Promise<{models: InstalledModel[]}>} */
export function installedModels(api) {
  return api.request("GET", "/api/admin/models");
}

/**
 * Hashes all its files, which may take minutes.
 * @param {Api} api
 * @param {string} name
 * @returns {Promise<{ok: boolean, code: string | null, file: string | null, detail: string | null}>}
 */
export function verifyModel(api, name) {
  return api.request("POST", `${modelPath(name)}/verify`);
}

/** @param {Api} api @param {string} name */
export function removeModel(api, name) {
  return api.request("DELETE", modelPath(name));
}

/** @param {string} name */
function modelPath(name) {
  return `/api/admin/models/${encodeURIComponent(name)}`;
}
