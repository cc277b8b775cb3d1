/** Small helpers to build and find elements. Texts are always set as text, never as HTML. */

export const find = (selector, root = document) => root.querySelector(selector);

/** A new element with attributes and children. An attribute that is null, undefined or false is left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** "1 label", "3 labels". */
export const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

export const percent = (share) => `${(100 * share).toFixed(share > 0.0995 || share === 0 ? 0 : 1)} %`;

/** A name that may wrap after `_`, `-`, `/` and `.`, so that no word is broken on a narrow screen. */
export const breakable = (name) => name.split(/(?<=[_\-/.])/).flatMap((part, i) => (i ? [element("wbr"), part] : [part]));
