// @ts-check
// The median beat of each class.

/** The median beat of each class and lead. @param {Part} part */
async function medianBeats(part) {
  const { before, rate, classes } = part.medians;
  const box = el("div", { class: "medians" });
  for (const one of classes) {
    const row = el("div", { class: "leads-of" });
    box.append(row);
    const kind = part.classes.find((/** @type {any} */ other) => other.name === one.class);
    if (one.influence) {
      row.append(el("p", { class: "influence", text: `Log odds of ${one.class}: ${one.influence}` }));
    }
    for (const lead of one.leads) {
      const [low, middle, high] = await Promise.all(
        [lead.low, lead.middle, lead.high].map(async (values) => (await unpack(values)).values),
      );
      const influence = lead.influence ? (await unpack(lead.influence)).values : null;
      row.append(
        medianFigure(low, middle, high, {
          before,
          rate,
          influence,
          colour: kind.colour,
          text: `${one.class} in ${lead.name}: ${beatCount(part.summary.beats_by_class[one.class])}`,
        }),
      );
    }
  }
  return box;
}

/**
 * A median beat and its quartiles.
 * @param {Float64Array} low
 * @param {Float64Array} middle
 * @param {Float64Array} high
 * @param {{before: number, rate: number, influence: Float64Array | null, colour: string, text: string}} about
 */
function medianFigure(low, middle, high, { before, rate, influence, colour, text }) {
  const [width, height] = [200, 120];
  const [least, most] = range([...low, ...high, 0]) ?? [0, 1];
  const gain = Math.min((height - 26) / Math.max(most - least, 0.2), 60);
  const zero = 6 + gain * most;
  const unit = Math.max(zero - gain, 4);
  const step = (width - 8) / (middle.length - 1);
  const x = (/** @type {number} */ sample) => 4 + step * sample;
  const edge =
    trace(high, 4, step, zero, gain) +
    trace(Float64Array.from(low).reverse(), x(middle.length - 1), -step, zero, gain).replace("M", "L") +
    "Z";
  return el(
    "figure",
    {},
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text },
      ...shades(influence ?? new Float64Array(0), x, step, 0, height - 14),
      svg("line", { x1: x(before), x2: x(before), y1: 0, y2: height - 14, stroke: "#dfe3e8" }),
      svg("path", { d: edge, fill: colour, "fill-opacity": 0.18 }),
      svg("path", { d: trace(middle, 4, step, zero, gain), fill: "none", stroke: colour, "stroke-width": 1.6 }),
      svg("line", { x1: 6, x2: 6, y1: unit, y2: unit + gain, stroke: QUIET }),
      svg("text", { x: 9, y: unit + gain / 2 + 3, text: "1 mV" }),
      ...[-200, 0, 200, 400, 600].map((time) =>
        svg("text", {
          x: x(before + (time * rate) / 1000),
          y: height - 2,
          "text-anchor": "middle",
          text: time ? `${fixed(time)}` : "0 ms",
        }),
      ),
    ),
    el("figcaption", { text }),
  );
}
