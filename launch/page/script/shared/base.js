// @ts-check
// What all parts of the page share: elements, numbers, and arrays from the page's data.

/** @typedef {{shape: number[], step: number, bytes: 2 | 4, deflate: string}} Packed an array of `packed.py` */
/** @typedef {{shape: number[], values: Float64Array}} Unpacked */
/** @typedef {{kind: string, title: string, [name: string]: any}} Part a part of the page, as its Python module makes it */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an HTML element. Text is never read as HTML.
 * @param {string} tag
 * @param {{[name: string]: any}} [given] attributes; `on…` are listeners, `class`, `text` and `data-…` as they say
 * @param {...(Node | string | null)} children
 * @returns {any}
 */
function el(tag, given = {}, ...children) {
  return filled(document.createElement(tag), given, children);
}

/**
 * Make an SVG element.
 * @param {string} tag
 * @param {{[name: string]: any}} [given]
 * @param {...(Node | string | null)} children
 * @returns {any}
 */
function svg(tag, given = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), given, children);
}

/**
 * @param {Element} element
 * @param {{[name: string]: any}} given
 * @param {(Node | string | null)[]} children
 */
function filled(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/**
 * Read an array that `packed.py` has written.
 * @param {Packed} packed
 * @returns {Promise<Unpacked>}
 */
async function unpack(packed) {
  const text = atob(packed.deflate);
  const bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / packed.bytes;
  const units = packed.bytes === 2 ? new Int16Array(count) : new Int32Array(count);
  const values = new Float64Array(count);
  const last = packed.shape[packed.shape.length - 1] || 1;
  const missing = packed.bytes === 2 ? -32768 : -2147483648;
  for (let index = 0; index < count; index++) {
    let folded = 0;
    for (let plane = 0; plane < packed.bytes; plane++) folded |= planes[plane * count + index] << (8 * plane);
    units[index] = ((folded >>> 1) ^ -(folded & 1)) + (index % last ? units[index - 1] : 0);
    values[index] = units[index] === missing ? NaN : units[index] * packed.step;
  }
  return { shape: packed.shape, values };
}

/**
 * Read an array of two axes as its rows.
 * @param {Packed} packed
 * @returns {Promise<Float64Array[]>}
 */
async function unpackRows(packed) {
  const { shape, values } = await unpack(packed);
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, row) => values.subarray(row * columns, (row + 1) * columns));
}

/**
 * Write a number with a fixed number of digits after the point, and a true minus sign; a dash if it is not known.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
function fixed(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/**
 * Write a whole number with separators of thousands.
 * @param {number} value
 */
function whole(value) {
  return String(Math.round(value))
    .replace(/\B(?=(\d{3})+$)/g, ",")
    .replace("-", "−");
}

/**
 * Write a time in s as h:mm:ss, or with tenths.
 * @param {number} seconds
 * @param {number} [digits]
 */
function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const all = Math.floor(Math.max(seconds, 0) * unit + 1e-6);
  const at = Math.floor(all / unit);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const rest = digits ? `.${String(all % unit).padStart(digits, "0")}` : "";
  return `${Math.floor(at / 3600)}:${two(Math.floor(at / 60) % 60)}:${two(at % 60)}${rest}`;
}

/**
 * The least of 1, 2, 2.5 and 5 times a power of ten that is not below a value.
 * @param {number} value
 */
function round125(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= value * (1 - 1e-9)) ?? 10 * power;
}

/**
 * The index of the last of increasing values that is at most `value`; −1 if there is none.
 * @param {ArrayLike<number>} values
 * @param {number} value
 */
function lastAtMost(values, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * The index of the nearest of increasing values, of which there is at least one.
 * @param {ArrayLike<number>} values
 * @param {number} value
 */
function nearest(values, value) {
  const below = Math.max(lastAtMost(values, value), 0);
  const above = Math.min(below + 1, values.length - 1);
  return value - values[below] <= values[above] - value ? below : above;
}

/**
 * The least and the greatest of the known values; null if none is known.
 * @param {Iterable<number>} values
 * @returns {[number, number] | null}
 */
function range(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/**
 * A group of buttons of which one is chosen.
 * @param {string} label what the choice is about
 * @param {{value: string, text: string}[]} choices
 * @param {string} first the value that is chosen at first
 * @param {(value: string) => void} choose
 */
function choice(label, choices, first, choose) {
  const buttons = choices.map(({ value, text }) =>
    el("button", { type: "button", "data-value": value, text, onclick: () => set(value, true) }),
  );
  const group = el("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
  /** @param {string} value @param {boolean} [told] */
  function set(value, told = false) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === value));
    if (told) choose(value);
  }
  set(first);
  return { group, set };
}

/**
 * A section with a heading.
 * @param {string} heading
 * @param {string} explanation plain words below the heading
 * @param {...(Node | null)} children
 */
function pane(heading, explanation, ...children) {
  return el(
    "section",
    { class: "pane" },
    el("h3", { text: heading }),
    explanation ? el("p", { class: "quiet", text: explanation }) : null,
    ...children,
  );
}

/**
 * A table. Columns of words are written from the left, those of numbers from the right.
 * @param {string[]} head
 * @param {(string | number | Node)[][]} rows the first cell of each is its heading
 * @param {number[]} words indices of further columns of words
 */
function table(head, rows, words = []) {
  const cells = (/** @type {any[]} */ row, /** @type {boolean} */ isHead) =>
    row.map((cell, index) => {
      const scope = isHead ? "col" : index ? null : "row";
      return el(
        scope ? "th" : "td",
        { scope, class: words.includes(index) ? "words" : null },
        cell?.nodeType ? cell : String(cell ?? "–"),
      );
    });
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...cells(head, true))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...cells(row, false)))),
    ),
  );
}

/** A class with what it means, unless its name says so. @param {{name: string, meaning: string}} one */
function className({ name, meaning }) {
  return meaning === name ? name : `${name}, ${meaning}`;
}
