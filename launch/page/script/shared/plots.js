// @ts-check
// Plots by uPlot that keep the width of their box, and a bar of colours.

const INK = "#1d2733";
const QUIET = "#5b6673";
const ACCENT = "#c2410c";
const BLUE = "#0b5cad";

/**
 * Draw a plot into `box`, as wide as it.
 * @param {HTMLElement} box
 * @param {number} height
 * @param {any} options of uPlot
 * @param {any} data
 */
function plotted(box, height, options, data) {
  const wide = () => Math.max(box.clientWidth, 240);
  const drawn = new uPlot({ width: wide(), height, ...options }, data, box);
  new ResizeObserver(() => drawn.setSize({ width: wide(), height })).observe(box);
  addEventListener("beforeprint", () => drawn.setSize({ width: Math.min(wide(), 640), height }));
  addEventListener("afterprint", () => drawn.setSize({ width: wide(), height }));
  return drawn;
}

/**
 * An axis in the page's type.
 * @param {string} label
 * @param {{[name: string]: any}} [more]
 */
function axis(label, more = {}) {
  const font = '12px system-ui, "Segoe UI", Roboto, sans-serif';
  const line = { stroke: "#e6e9ed", width: 1 };
  return {
    label,
    font,
    labelFont: font,
    stroke: QUIET,
    grid: line,
    ticks: { ...line, size: 4 },
    labelSize: 18,
    size: 44,
    ...more,
  };
}

/**
 * A bar of colours with its scale.
 * @returns {{bar: any, draw: (colours: number[][], low: number, high: number, step: number, text: string) => void}}
 */
function colourBar() {
  const bar = el("div", { class: "colour-bar" });
  /**
   * @param {number[][]} colours
   * @param {number} low
   * @param {number} high
   * @param {number} step of the bands; 0 for none
   * @param {string} text
   */
  function draw(colours, low, high, step, text) {
    const bands = step ? Math.max(Math.round((high - low) / step), 1) : 64;
    const picture = svg("svg", { viewBox: "0 0 300 34", role: "img", "aria-label": text });
    for (let band = 0; band < bands; band++) {
      const colour = colours[Math.min(Math.floor((255 * (band + 0.5)) / bands + 0.5), 255)];
      picture.append(
        svg("rect", {
          x: 10 + (280 * band) / bands,
          y: 2,
          width: 280 / bands + 0.3,
          height: 12,
          fill: `rgb(${colour})`,
        }),
      );
    }
    const every = Math.max(Math.ceil(bands / 8), 1);
    const marks = step
      ? Array.from({ length: bands + 1 }, (_, index) => index).filter((index) => index % every === 0)
      : [0, 16, 32, 48, 64];
    for (const mark of marks) {
      const value = low + ((high - low) * mark) / bands;
      const digits = Math.abs(high - low) >= 10 ? 0 : 1;
      picture.append(
        svg("text", { x: 10 + (280 * mark) / bands, y: 27, "text-anchor": "middle", text: fixed(value, digits) }),
      );
    }
    bar.replaceChildren(picture, el("span", { class: "quiet", text }));
  }
  return { bar, draw };
}

/**
 * Move a cursor, a `div` of class `cursor` in its box.
 * @param {HTMLElement} cursor
 * @param {number} share of the width of the box
 */
function moveCursor(cursor, share) {
  cursor.style.transform = `translateX(${(100 * share).toFixed(3)}cqw)`;
}

/**
 * A cursor in a plot of uPlot. @param {any} plot @returns {(value: number) => void} moves it
 */
function cursorIn(plot) {
  const cursor = el("div", { class: "cursor" });
  plot.over.append(cursor);
  let now = 0;
  const move = () => moveCursor(cursor, (now - plot.scales.x.min) / (plot.scales.x.max - plot.scales.x.min));
  plot.hooks.setScale = [move]; // the first one comes after the first data
  return (value) => {
    now = value;
    move();
  };
}

/**
 * Strips behind the trace: red where a sample speaks for the class, blue where against it, the stronger the more.
 * @param {Float64Array} influence -1 to 1
 * @param {(sample: number) => number} x
 * @param {number} step
 * @param {number} y
 * @param {number} height
 */
function shades(influence, x, step, y, height) {
  const found = [];
  for (const [sample, value] of influence.entries()) {
    const opacity = Math.abs(value) * 0.6;
    if (opacity < 0.02) continue;
    const fill = value > 0 ? "#b2182b" : "#2166ac";
    found.push(svg("rect", { x: x(sample - 0.5), y, width: step, height, fill, "fill-opacity": fixed(opacity, 2) }));
  }
  return found;
}
