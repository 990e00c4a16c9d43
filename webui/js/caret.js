/** The text of an element that a person writes in, and where the cursor is in it. */

/**
 * A browser may have put line breaks in.
 * @param {Node} node
 * @returns {string}
 */
export function writtenIn(node) {
  if (node instanceof Text) return node.data;
  if (node instanceof HTMLBRElement) return " ";
  return [...node.childNodes].map(writtenIn).join("");
}

/**
 * @param {HTMLElement} node
 * @returns {[string, string] | null} what is before the cursor and after it; of marked words, they are after it
 */
export function sidesOfCaret(node) {
  const selection = getSelection();
  if (!selection?.rangeCount) return null;
  const at = selection.getRangeAt(0);
  if (!node.contains(at.startContainer)) return null;
  const before = document.createRange();
  before.selectNodeContents(node);
  before.setEnd(at.startContainer, at.startOffset);
  const after = document.createRange();
  after.selectNodeContents(node);
  after.setStart(at.startContainer, at.startOffset);
  return [before.toString(), after.toString()];
}

/** Whether nothing is marked. */
export function isCollapsed() {
  return getSelection()?.isCollapsed ?? true;
}

/**
 * @param {HTMLElement} node one that holds nothing but text
 * @param {number} offset characters before the cursor
 */
export function putCaret(node, offset) {
  node.focus();
  const text = node.firstChild;
  getSelection()?.collapse(text ?? node, text instanceof Text ? Math.min(offset, text.length) : 0);
}
