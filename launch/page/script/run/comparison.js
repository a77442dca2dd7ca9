// @ts-check
// The part `comparison`: several runs side by side, with the paired differences between them.

/**
 * Build the part.
 * @param {Part} part of `comparison.py`
 */
async function comparisonPart(part) {
  const box = el("div", {});
  if (!part.paired)
    box.append(
      el("p", {
        class: "warning",
        text: "These runs have different tasks or test sets; only those of the same test set are compared.",
      }),
    );
  for (const one of part.tables) {
    box.append(
      el("p", { class: "verdict", text: comparisonVerdict(one) }),
      el("p", { class: "quiet", text: `${one.task}: ${one.data}.` }),
    );
    for (const metric of one.metrics) box.append(metricComparison(metric, one.drawn));
    if (one.classes.length) box.append(classComparison(one.classes));
  }
  return { box };
}

/** @param {any} one */
function comparisonVerdict(one) {
  const [metric] = one.metrics;
  if (metric.rows.length < 2)
    return `${metric.rows[0].row}: ${metric.name} ${fixed(metric.rows[0].value, 3)}, ${metric.rows[0].values.length === 1 ? "one seed" : `mean of ${metric.rows[0].values.length} seeds`}.`;
  const worse = metric.pairs.filter((/** @type {any} */ pair) => [pair.first, pair.second].includes(metric.best));
  const byChance = worse.every((/** @type {any} */ pair) => pair.p !== null);
  const clear = worse.filter((/** @type {any} */ pair) => (byChance ? pair.p < 0.05 : pair.low * pair.high > 0)).length;
  const others = `for ${clear} of ${worse.length} other ${worse.length === 1 ? "experiment" : "experiments"}`;
  const lead = byChance
    ? `Its lead is beyond chance (p < 0.05, each compared alone) ${others}.`
    : `The paired interval of its lead, which does not cover the variance over seeds, excludes 0 ${others}.`;
  const value = metric.rows.find((/** @type {any} */ row) => row.row === metric.best).value;
  return `${metric.best} has the best ${metric.name}, ${fixed(value, 3)}.${worse.length ? ` ${lead}` : ""}`;
}

/** @param {any} metric @param {string} drawn */
function metricComparison(metric, drawn) {
  const values = metric.rows.map((/** @type {any} */ row) => [
    row.row,
    fixed(row.value, 4),
    `${fixed(row.low, 4)} to ${fixed(row.high, 4)}`,
    row.seeds.join(", "),
    row.values.map((/** @type {number} */ value) => fixed(value, 4)).join(", "),
  ]);
  const pairs = metric.pairs.map((/** @type {any} */ pair) => [
    `${pair.second} − ${pair.first}`,
    fixed(pair.difference, 4),
    `${fixed(pair.low, 4)} to ${fixed(pair.high, 4)}`,
    pair.p === null ? "needs two seeds" : pair.p < 0.001 ? "< 0.001" : fixed(pair.p, 3),
  ]);
  const better = metric.higher_is_better ? "Higher is better" : "Lower is better";
  const isMean = metric.rows.some((/** @type {any} */ row) => row.values.length > 1);
  return pane(
    metric.name,
    `${better}. ${isMean ? "Mean over seeds with its 95 % t interval; of one seed, its bootstrap interval." : "With the 95 % bootstrap interval."}`,
    intervalPlot(
      metric.rows.map((/** @type {any} */ row) => ({ name: row.row, ...row })),
      null,
    ),
    table(["run", "value", "95 % interval", "seeds", "of each seed"], values),
    metric.pairs.length
      ? el("p", {
          class: "quiet",
          text: `Differences, on the same ${drawn} for both: the interval holds 95 % of 2,000 paired bootstrap draws; p is that of Welch's test: the probability of a difference at least as large if the two were equal, given the variance over test cases and over seeds.`,
        })
      : null,
    metric.pairs.length
      ? intervalPlot(
          metric.pairs.map((/** @type {any} */ pair) => ({
            name: `${pair.second} − ${pair.first}`,
            value: pair.difference,
            low: pair.low,
            high: pair.high,
            values: [],
          })),
          0,
        )
      : null,
    metric.pairs.length ? table(["difference", "value", "95 % paired interval", "p"], pairs) : null,
  );
}

/**
 * Values with intervals, a row each.
 * @param {{name: string, value: number, low: number, high: number, values: number[]}[]} rows
 * @param {number | null} zero where a line is drawn
 */
function intervalPlot(rows, zero) {
  const known = rows
    .flatMap((row) => [row.low, row.high, row.value, ...row.values])
    .filter((one) => one !== null && Number.isFinite(one));
  const [least, most] = range(zero === null ? known : [...known, zero]) ?? [0, 1];
  const room = Math.max(most - least, 1e-6) * 0.08;
  const [width, letters] = innerWidth < 600 ? [360, 50] : [640, 90];
  const x = (/** @type {number} */ value) => ((width - 20) * (value - least + room)) / (most - least + 2 * room);
  const line = `.{1,${letters}}`; // ends with the name, else after a space, comma or hyphen if there is one
  const lines = new RegExp(`${line}$|${line}(?<= )|${line}(?<=[,-])|${line}`, "gu");
  const names = rows.map((row) => row.name.match(lines) ?? []);
  const height = 24 * rows.length + 13 * names.flat().length + 26;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": "Values with intervals",
    class: "wide",
  });
  for (const part01 of [0, 0.5, 1]) {
    const value = least + part01 * (most - least);
    picture.append(
      svg("line", { x1: x(value), x2: x(value), y1: 4, y2: height - 26, stroke: "#e6e9ed" }),
      svg("text", {
        x: x(value),
        y: height - 10,
        "text-anchor": "middle",
        text: fixed(value, most - least < 0.1 ? 4 : 2),
      }),
    );
  }
  if (zero !== null)
    picture.append(
      svg("line", { x1: x(zero), x2: x(zero), y1: 4, y2: height - 26, stroke: QUIET, "stroke-dasharray": "4 3" }),
    );
  let y = 0;
  rows.forEach((row, index) => {
    for (const text of names[index]) picture.append(svg("text", { x: 0, y: (y += 13), class: "row-name", text }));
    y += 10;
    if (Number.isFinite(row.low) && row.low !== null)
      picture.append(svg("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, stroke: BLUE, "stroke-width": 2 }));
    for (const value of row.values)
      picture.append(svg("circle", { cx: x(value), cy: y, r: 2.4, fill: BLUE, "fill-opacity": 0.4 }));
    picture.append(svg("circle", { cx: x(row.value), cy: y, r: 5, fill: BLUE }));
    y += 14;
  });
  return picture;
}

/** @param {{row: string, class: string, f1: number | null}[]} cells */
function classComparison(cells) {
  const names = [...new Set(cells.map((cell) => cell.class))];
  const rows = [...new Set(cells.map((cell) => cell.row))];
  const found = (/** @type {string} */ row, /** @type {string} */ name) =>
    fixed(cells.find((cell) => cell.row === row && cell.class === name)?.f1, 3);
  return pane(
    "F1 of each class",
    "The harmonic mean of precision and recall; mean over seeds.",
    table(
      ["run", ...names],
      rows.map((row) => [row, ...names.map((name) => found(row, name))]),
    ),
  );
}
