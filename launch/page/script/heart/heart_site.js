// @ts-check
// What is known of one site: its activation times as marks on a line, and its voltage over time.

/**
 * The activation time of a site: prediction with its interval and spread, the beats that it is of, and the true one
 * where known.
 * @param {{prediction: number, halfWidth: number | null, spread: number | null, truth: number | null, beats: number[]}} site ms
 * @param {number} high the end of the axis, ms
 */
function timeLine(site, high) {
  const [width, left, right] = [360, 14, 14];
  const x = (/** @type {number} */ time) => left + ((width - left - right) * Math.max(Math.min(time, high), 0)) / high;
  const picture = svg("svg", { viewBox: `0 0 ${width} 66`, role: "img", "aria-label": "Activation time of the site" });
  picture.append(svg("line", { x1: left, x2: width - right, y1: 44, y2: 44, stroke: "#c9cfd6" }));
  const step = round125(high / 6);
  for (let time = 0; time <= high + 1e-9; time += step) {
    picture.append(svg("line", { x1: x(time), x2: x(time), y1: 44, y2: 48, stroke: "#c9cfd6" }));
    picture.append(svg("text", { x: x(time), y: 60, "text-anchor": "middle", text: fixed(time) }));
  }
  if (!Number.isFinite(site.prediction)) return picture;
  if (site.spread !== null && Number.isFinite(site.spread))
    picture.append(
      svg("rect", {
        x: x(site.prediction - site.spread),
        y: 22,
        width: Math.max(x(site.prediction + site.spread) - x(site.prediction - site.spread), 1),
        height: 14,
        fill: BLUE,
        "fill-opacity": 0.18,
      }),
    );
  if (site.halfWidth !== null && Number.isFinite(site.halfWidth)) {
    const bar = whisker(x, site.prediction - site.halfWidth, site.prediction + site.halfWidth, high);
    picture.append(svg("path", { d: bar, stroke: BLUE, fill: "none" }));
  }
  for (const time of site.beats.filter(Number.isFinite))
    picture.append(svg("circle", { cx: x(time), cy: 29, r: 2, fill: BLUE, "fill-opacity": 0.55 }));
  picture.append(
    svg("line", { x1: x(site.prediction), x2: x(site.prediction), y1: 18, y2: 40, stroke: BLUE, "stroke-width": 2.5 }),
  );
  if (site.truth !== null && Number.isFinite(site.truth))
    picture.append(svg("path", { d: `M${x(site.truth)} 18l-5 -9h10z`, fill: INK }));
  return picture;
}

/**
 * The path of an interval: a bar with an end at each bound that is on the axis.
 * @param {(time: number) => number} x
 * @param {number} from ms
 * @param {number} to ms
 * @param {number} high the end of the axis, which begins at 0, ms
 */
function whisker(x, from, to, high) {
  return `M${x(from)} 29H${x(to)}${from < 0 ? "" : `M${x(from)} 25v8`}${to > high ? "" : `M${x(to)} 25v8`}`;
}

/**
 * The voltage of a site over time, with its band and the true one where known.
 * @param {HTMLElement} box
 * @param {number} lead_in ms before the onset
 * @param {boolean} hasTruth
 * @param {boolean} hasSpread
 * @param {(time: number) => void} choose called with the time that was clicked, ms after the onset
 */
function voltagePlot(box, lead_in, hasTruth, hasSpread, choose) {
  const times = Array.from({ length: 500 }, (_, index) => index - lead_in);
  const value = (/** @type {any} */ _, /** @type {number} */ shown) => fixed(shown, 1);
  const plot = plotted(
    box,
    260,
    {
      scales: { x: { time: false }, y: { range: [-100, 60] } },
      axes: [axis("time after the onset (ms)"), axis("voltage (mV)")],
      legend: { live: true, markers: { width: 2 } },
      cursor: { drag: { x: false, y: false } },
      series: [
        { label: "ms" },
        { label: "predicted", stroke: BLUE, width: 2, value },
        { label: "− spread", stroke: "#0b5cad33", width: 1, value, show: hasSpread },
        { label: "+ spread", stroke: "#0b5cad33", width: 1, value, show: hasSpread },
        { label: "true", stroke: INK, width: 1.5, dash: [6, 4], value, show: hasTruth },
      ],
      bands: [{ series: [3, 2], fill: "#0b5cad22" }],
    },
    [times, [], [], [], []],
  );
  plot.over.addEventListener("click", () => choose(Math.round(plot.posToVal(plot.cursor.left ?? 0, "x"))));
  return {
    /** @param {Float64Array} predicted @param {Float64Array | null} spread @param {Float64Array | null} truth */
    draw(predicted, spread, truth) {
      const none = times.map(() => null);
      const edge = (/** @type {number} */ sign) =>
        spread ? Array.from(predicted, (one, index) => one + sign * spread[index]) : none;
      plot.setData([times, Array.from(predicted), edge(-1), edge(1), truth ? Array.from(truth) : none]);
    },
    move: cursorIn(plot),
  };
}

/**
 * What is known of a site, as names and values.
 * @param {Part} part
 * @param {any} shown a case of `heartCase`
 * @param {number} at index of the site
 * @param {number} sample of the leads
 */
function siteRows(part, shown, at, sample) {
  const site = part.sites[at];
  const number = (/** @type {string} */ layer) => shown.times[layer]?.sites[at];
  const spread = number("spread");
  const truth = number("true");
  const rows = [["site", `${site.name} (${site.text})`]];
  const band = spread === undefined ? "" : ` ± ${fixed(spread, 1)} ms (standard deviation over ${part.spread_of})`;
  rows.push([
    "activation, predicted",
    Number.isFinite(number("prediction")) ? `${fixed(number("prediction"), 1)} ms${band}` : "does not activate",
  ]);
  const half = shown.halfWidth?.[at];
  if (Number.isFinite(half) && Number.isFinite(number("prediction")))
    rows.push([
      "interval",
      `${fixed(number("prediction") - half, 1)} to ${fixed(number("prediction") + half, 1)} ms, see the note above`,
    ]);
  if (truth !== undefined)
    rows.push([
      "activation, true",
      Number.isFinite(truth) ? `${fixed(truth, 1)} ms, error ${fixed(number("error"), 1)} ms` : "does not activate",
    ]);
  const usual = part.site_errors?.[at];
  if (usual) rows.push(["usual error here", `${fixed(usual.value, 1)} ${usual.unit}, mean over the test cases`]);
  const voltage = (/** @type {string} */ layer) => shown.voltage[layer]?.[at][sample];
  if (shown.voltage.prediction) {
    const wide = voltage("spread") === undefined ? "" : ` ± ${fixed(voltage("spread"), 1)} mV`;
    rows.push([
      `voltage at ${fixed(sample - shown.lead_in)} ms`,
      `${fixed(voltage("prediction"), 1)} mV${wide}${voltage("true") === undefined ? "" : `, true ${fixed(voltage("true"), 1)} mV`}`,
    ]);
  }
  return rows;
}

/**
 * A table of all sites, which is made when it is opened.
 * @param {Part} part
 * @param {() => any} shown the case of `heartCase` that is shown
 */
function allSites(part, shown) {
  const box = el("div", {});
  const details = el("details", {}, el("summary", { text: "Values of all 75 sites" }), box);
  details.addEventListener("toggle", () => {
    const { times } = shown();
    const layers = Object.keys(LAYER_NAMES).filter((layer) => times[layer]);
    const rows = part.sites.map((/** @type {any} */ site, /** @type {number} */ index) => [
      site.name,
      site.text,
      ...layers.map((layer) => fixed(times[layer].sites[index], 1)),
    ]);
    box.replaceChildren(table(["site", "where", ...layers.map((layer) => `${LAYER_NAMES[layer]} (ms)`)], rows, [1]));
  });
  return details;
}
