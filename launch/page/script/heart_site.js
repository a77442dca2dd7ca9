// @ts-check
// What is known of one site: its activation times as marks on a line, and its voltage over time.

/**
 * The activation time of a site: prediction with its spread, the beats that it is of, and the true one where known.
 * @param {{prediction: number, spread: number | null, truth: number | null, beats: number[]}} site ms
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
  if (site.spread !== null)
    picture.append(svg("rect", { x: x(site.prediction - site.spread), y: 22, width: Math.max(x(site.prediction + site.spread) - x(site.prediction - site.spread), 1), height: 14, fill: BLUE, "fill-opacity": 0.18 }));
  for (const time of site.beats) picture.append(svg("circle", { cx: x(time), cy: 29, r: 2, fill: BLUE, "fill-opacity": 0.55 }));
  picture.append(svg("line", { x1: x(site.prediction), x2: x(site.prediction), y1: 18, y2: 40, stroke: BLUE, "stroke-width": 2.5 }));
  if (site.truth !== null && Number.isFinite(site.truth))
    picture.append(svg("path", { d: `M${x(site.truth)} 18l-5 -9h10z`, fill: INK }));
  return picture;
}

/**
 * The voltage of a site over time, with its band and the true one where known.
 * @param {HTMLElement} box
 * @param {number} lead_in ms before the onset
 * @param {boolean} hasTruth
 * @param {(time: number) => void} choose called with the time that was clicked, ms after the onset
 */
function voltagePlot(box, lead_in, hasTruth, choose) {
  const times = Array.from({ length: 500 }, (_, index) => index - lead_in);
  let now = 0;
  const cursor = {
    hooks: {
      drawAxes: [
        (/** @type {any} */ plot) => {
          const at = Math.round(plot.valToPos(now, "x", true));
          Object.assign(plot.ctx, { strokeStyle: ACCENT, lineWidth: devicePixelRatio || 1 });
          plot.ctx.beginPath();
          plot.ctx.moveTo(at, plot.bbox.top);
          plot.ctx.lineTo(at, plot.bbox.top + plot.bbox.height);
          plot.ctx.stroke();
        },
      ],
    },
  };
  const value = (/** @type {any} */ _, /** @type {number} */ shown) => fixed(shown, 1);
  const plot = plotted(
    box,
    260,
    {
      plugins: [cursor],
      scales: { x: { time: false }, y: { range: [-100, 60] } },
      axes: [axis("time after the onset (ms)"), axis("voltage (mV)")],
      legend: { live: true },
      cursor: { drag: { x: false, y: false } },
      series: [
        { label: "ms" },
        { label: "predicted", stroke: BLUE, width: 2, value },
        { label: "− spread", stroke: "#0b5cad33", width: 1, value },
        { label: "+ spread", stroke: "#0b5cad33", width: 1, value },
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
      const edge = (/** @type {number} */ sign) => (spread ? Array.from(predicted, (one, index) => one + sign * spread[index]) : none);
      plot.setData([times, Array.from(predicted), edge(-1), edge(1), truth ? Array.from(truth) : none]);
    },
    /** @param {number} time */
    move(time) {
      now = time;
      plot.redraw(false, false);
    },
  };
}
