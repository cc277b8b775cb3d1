/** Offsets and tokens of a text. The server counts code points; JavaScript counts UTF-16 units. */

export class Offsets {
  #units;

  constructor(text) {
    this.#units = new Uint32Array(text.length + 1); // (code points + 1,): where each code point begins
    let points = 0;
    for (let unit = 0; unit < text.length; points += 1) {
      this.#units[points] = unit;
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    }
    this.#units[points] = text.length;
    this.#units = this.#units.subarray(0, points + 1);
  }

  toUnits(points) {
    return this.#units[Math.max(0, Math.min(points, this.#units.length - 1))];
  }

  /** An offset between the two units of one code point counts as its start. */
  toPoints(unit) {
    let low = 0;
    let high = this.#units.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#units[middle] <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Words, numbers, punctuation marks and emoji, as `{start, end}` in units, in order. */
export function tokensOf(text) {
  const found = [];
  for (const { segment, index } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)) {
    if (segment.trim()) found.push({ start: index, end: index + segment.length });
  }
  return found;
}

/** The range widened to whole tokens, without white space at its ends; null if it contains no token. */
export function snap(range, tokens) {
  const inside = tokens.filter((token) => token.start < range.end && token.end > range.start);
  return inside.length ? { start: inside[0].start, end: inside.at(-1).end } : null;
}
