/** What the box's API says and does about people: signing in, sign-ins, second factors, keys, accounts. */

/** @import { Api } from "./api.js" */
/** @import { Account, ApiKey, Enrolment, SecondFactor, Scope, SignIn, User } from "./types.js" */

/**
 * @param {Api} api
 * @param {{name: string, password: string, code?: string}} who `code` where a second factor is on
 * @returns {Promise<User>}
 */
export function signIn(api, who) {
  return api.request("POST", "/api/auth/login", { json: who });
}

/** @param {Api} api @returns {Promise<{label: string | null}>} whether there is a sign-in provider, and its name */
export function provider(api) {
  return api.request("GET", "/api/auth/oidc");
}

/** @param {Api} api @returns {Promise<{url: string}>} where the browser goes now */
export function beginAtProvider(api) {
  return api.request("POST", "/api/auth/oidc");
}

/** @param {Api} api @returns {Promise<{sessions: SignIn[]}>} */
export function signIns(api) {
  return api.request("GET", "/api/auth/sessions");
}

/** @param {Api} api @param {number} id */
export function endSignIn(api, id) {
  return api.request("DELETE", `/api/auth/sessions/${id}`);
}

/** @param {Api} api */
export function endOtherSignIns(api) {
  return api.request("DELETE", "/api/auth/sessions");
}

/** @param {Api} api @returns {Promise<SecondFactor>} */
export function secondFactor(api) {
  return api.request("GET", "/api/auth/totp");
}

/** @param {Api} api @param {string} password @returns {Promise<Enrolment>} */
export function beginSecondFactor(api, password) {
  return api.request("POST", "/api/auth/totp", { json: { password } });
}

/** @param {Api} api @param {string} code @returns {Promise<{recovery_codes: string[]}>} */
export function confirmSecondFactor(api, code) {
  return api.request("POST", "/api/auth/totp/confirm", { json: { code } });
}

/** @param {Api} api @param {string} password @param {string} code @returns {Promise<{recovery_codes: string[]}>} */
export function newRecoveryCodes(api, password, code) {
  return api.request("POST", "/api/auth/totp/recovery", { json: { password, code } });
}

/** @param {Api} api @param {string} password @param {string} code */
export function removeSecondFactor(api, password, code) {
  return api.request("POST", "/api/auth/totp/remove", { json: { password, code } });
}

/** @param {Api} api @returns {Promise<{keys: ApiKey[]}>} */
export function keys(api) {
  return api.request("GET", "/api/keys");
}

/**
 * @param {Api} api
 * @param {{name: string, scopes: Scope[], expires_at: string | null}} key
 * @returns {Promise<ApiKey & {secret: string}>}
 */
export function createKey(api, key) {
  return api.request("POST", "/api/keys", { json: key });
}

/** @param {Api} api @param {number} id */
export function revokeKey(api, id) {
  return api.request("DELETE", `/api/keys/${id}`);
}

/**
 * @param {Api} api
 * @param {string} name
 * @param {{role?: string, disabled?: boolean}} change
 * @returns {Promise<Account>}
 */
export function changeUser(api, name, change) {
  return api.request("PATCH", userPath(name), { json: change });
}

/** @param {Api} api @param {string} name @param {string} password */
export function resetPassword(api, name, password) {
  return api.request("POST", `${userPath(name)}/password`, { json: { password } });
}

/** @param {Api} api @param {string} name */
export function endSignInsOf(api, name) {
  return api.request("DELETE", `${userPath(name)}/sessions`);
}

/** @param {Api} api @param {string} name */
export function removeSecondFactorOf(api, name) {
  return api.request("DELETE", `${userPath(name)}/totp`);
}

/** @param {string} name */
function userPath(name) {
  return `/api/users/${encodeURIComponent(name)}`;
}
