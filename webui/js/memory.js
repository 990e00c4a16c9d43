/** Which uploads this browser has begun, so that the same file goes on where it stopped after the page was closed. */

const KEY = "stenobox.uploads";
/** The box drops an upload a day after its last byte. */
const KEPT_MS = 24 * 3600 * 1000;

/** @typedef {{url: string, at: number}} Begun */

export class UploadMemory {
  /** @param {string} user whose uploads they are */
  constructor(user) {
    this.user = user;
  }

  /**
   * The address of an upload of this very file with these wishes.
   * @param {File} file
   * @param {Record<string, string | undefined>} wishes
   * @returns {string | null}
   */
  find(file, wishes) {
    return this.read()[this.key(file, wishes)]?.url ?? null;
  }

  /** @param {File} file @param {Record<string, string | undefined>} wishes @param {string} url */
  keep(file, wishes, url) {
    this.write({ ...this.read(), [this.key(file, wishes)]: { url, at: Date.now() } });
  }

  /** @param {File} file @param {Record<string, string | undefined>} wishes */
  drop(file, wishes) {
    const begun = this.read();
    delete begun[this.key(file, wishes)];
    this.write(begun);
  }

  /** @param {File} file @param {Record<string, string | undefined>} wishes */
  key(file, wishes) {
    return JSON.stringify([this.user, file.name, file.size, file.lastModified, Object.entries(wishes).sort()]);
  }

  /** @returns {Record<string, Begun>} */
  read() {
    try {
      /** @type {Record<string, Begun>} */
      const begun = JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
      return Object.fromEntries(Object.entries(begun).filter(([, { at }]) => Date.now() - at < KEPT_MS));
    } catch {
      return {};
    }
  }

  /** @param {Record<string, Begun>} begun */
  write(begun) {
    try {
      if (Object.keys(begun).length > 0) localStorage.setItem(KEY, JSON.stringify(begun));
      else localStorage.removeItem(KEY);
    } catch {
      // Storage may be full or forbidden; then a closed page begins anew.
    }
  }
}
