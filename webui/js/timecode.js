/** Times of lines as people write them, to a hundredth of a second. */

const WRITTEN = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,7}(?:[.,]\d{0,6})?|[.,]\d{1,6})$/u;

/** @param {number} seconds */
export function hundredths(seconds) {
  return Math.round(seconds * 100) / 100;
}

/**
 * 0:07.00, 12:34.50, 1:02:03.25.
 * @param {number} seconds
 */
export function exactClock(seconds) {
  const all = Math.round(Math.max(0, seconds) * 100);
  const [hours, minutes] = [Math.floor(all / 360_000), Math.floor(all / 6000) % 60];
  const rest = ((all % 6000) / 100).toFixed(2).padStart(5, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * Reads 1:23.45, 1:02:03 or seconds such as 83.45; a comma does for the point.
 * @param {string} text
 * @returns {number | null} seconds; null: it is no time
 */
export function parseClock(text) {
  const found = WRITTEN.exec(text.trim());
  if (!found) return null;
  const [, hours, minutes, rest] = found;
  const seconds = Number(rest.replace(",", "."));
  // 0:75 is a slip of the hand more often than a minute and a quarter.
  if ((minutes !== undefined && seconds >= 60) || (hours !== undefined && Number(minutes) >= 60)) return null;
  return hundredths(Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + seconds);
}
