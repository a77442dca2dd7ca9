// @ts-check
// The part `run`: how good a trained network is, where it is wrong, and how to train it again.

/**
 * Build the part.
 * @param {Part} part of `run.py`
 * @param {OnKeys} onKeys
 */
async function runPart(part, onKeys) {
  const lossBox = el("div", { class: "plot" });
  const scoreBox = el("div", { class: "plot" });
  const curves = el("div", { class: "columns even" }, lossBox, scoreBox);
  const riskBox = el("div", { class: "plot" });
  const confusion = part.confusion ? confusionPanes(part, onKeys) : null;
  const box = el(
    "div",
    {},
    el("p", { class: "verdict", text: part.verdict }),
    ...part.lines.map((/** @type {string} */ line) => el("p", { class: "quiet", text: line })),
    part.note ? el("p", { class: "quiet", text: `Note: ${part.note}.` }) : null,
    part.why ? el("p", { class: "warning", text: part.why }) : null,
    metricsPane(part),
    confusion
      ? el(
          "div",
          { class: "columns even" },
          pane("Confusion", "True and predicted classes. Choose a cell to see its beats.", confusion.matrix),
          el("section", { class: "pane" }, confusion.viewer),
        )
      : null,
    confusion
      ? pane(
          "The ten worst beats",
          `Their true class was given the lowest probability. Choose one to see it above.${part.cases.shades ? " Red speaks for the predicted class, blue for the true one." : ""}`,
          await worstBeats(part, confusion.showWorst),
        )
      : null,
    part.cases?.shades
      ? pane(
          "What the network looks at",
          "The median of beats of each class that it found rightly. Red speaks for the class, blue against it, the darker the more, on a scale of its own: integrated gradients of its logit less the mean of the others, against a flat beat or, where the rhythm is known, the usual beat of the recording.",
          await lookedAt(part),
        )
      : null,
    part.walls
      ? pane(
          "Which lead tells of which wall",
          `Share of each lead in what moves the mean activation time of a wall, %: integrated gradients against a flat line, the mean of ${whole(part.walls.cases)} test cases.`,
          wallTable(part.walls),
        )
      : null,
    part.reliability
      ? pane(
          "Reliability",
          `On the diagonal the network is right as often as its probabilities say. Expected calibration error (mean distance from it): ${fixed(part.reliability.ece, 4)}.`,
          reliabilityPlot(part.reliability.bins),
        )
      : null,
    part.risk
      ? pane(
          "Risk over coverage",
          "Share of wrong classes among the beats that are kept, if those of which the network is least certain are withheld.",
          riskBox,
        )
      : null,
    part.errors
      ? pane(
          "Errors",
          `The distribution of the error over the test cases${part.why ? "" : "; the ten worst are under “hearts”"}. Below, the sites by their mean error.`,
          histogram((await unpack(part.errors)).values, part.error_unit),
          siteErrors(part),
        )
      : null,
    pane(
      "Learning curves",
      Object.keys(part.curves).length
        ? "Of each evaluation during training. The checkpoint was chosen on validation data."
        : "This model is not trained in steps.",
      curves,
    ),
    repeatPane(part),
  );
  const show = () => {
    confusion?.openWorst();
    if (part.risk) drawRisk(part.risk, riskBox);
    if (part.curves.step?.length) drawCurves(part.curves, part.colours, lossBox, scoreBox);
  };
  return { box, show };
}

/** @param {any} figure @param {number} digits */
function interval(figure, digits) {
  return Number.isFinite(figure?.low) && figure.low !== null
    ? `${fixed(figure.low, digits)} to ${fixed(figure.high, digits)}`
    : "–";
}

/** @param {Part} part */
function metricsPane(part) {
  const rows = part.metrics.map((/** @type {any} */ one) => {
    const digits = one.unit ? 2 : 3;
    return [
      one.name,
      `${fixed(one.value, digits)}${one.unit ? ` ${one.unit}` : ""}`,
      interval(one, digits),
      el("span", { class: "quiet", text: one.meaning }),
    ];
  });
  const cell = (/** @type {any} */ figure) => `${fixed(figure.value, 3)} (${interval(figure, 3)})`;
  const classes = part.classes?.map((/** @type {any} */ one) => [
    className(one),
    whole(one.examples),
    cell(one.precision),
    cell(one.recall),
    cell(one.f1),
  ]);
  return pane(
    "Metrics",
    `Interval: ${part.interval}.`,
    table(["metric", "value", "95 % interval", "what it is"], rows, [3]),
    classes
      ? table(["class", "beats", "precision (positive predictivity)", "recall (sensitivity)", "F1"], classes)
      : null,
  );
}

/**
 * The ten worst beats, small.
 * @param {Part} part
 * @param {(at: number) => void} choose
 */
async function worstBeats(part, choose) {
  const { beats, worst, signals, shades: shaded, rate, unit } = part.cases;
  const figures = worst.map(async (/** @type {number} */ index, /** @type {number} */ at) => {
    const beat = beats[index];
    const [own, other] = [part.classes[beat.true], part.classes[beat.prediction]];
    const text = `${own.name} called ${other.name}; p(${own.name}) = ${beat.odds[beat.true].toFixed(3)}`;
    return el(
      "button",
      { type: "button", class: "worst", onclick: () => choose(at) },
      signals ? await beatPicture(signals[index], rate, unit, own.colour, 190, shaded?.worst[at]) : null,
      el("span", { text }),
    );
  });
  return el("div", { class: "worsts" }, ...(await Promise.all(figures)));
}

/** The median beat of each class, shaded by what speaks for it. @param {Part} part */
async function lookedAt(part) {
  const { shades: shaded, rate, unit } = part.cases;
  const figures = shaded.classes.map(async (/** @type {any} */ one) => {
    const kind = part.classes[one.class];
    const text = `${className(kind)}: ${whole(one.beats)} beats${one.text ? `; log odds: ${one.text}` : ""}`;
    return el(
      "figure",
      {},
      await beatPicture(one.signal, rate, unit, kind.colour, 240, one.shade),
      el("figcaption", { text: one.shade ? text : `${text}; its influences do not add up` }),
    );
  });
  return el("div", { class: "worsts" }, ...(await Promise.all(figures)));
}

/** @param {{leads: string[], walls: string[], shares: number[][]}} walls */
function wallTable({ leads, walls, shares }) {
  const most = Math.max(30, ...shares.flat());
  const rows = walls.map((wall, index) => [
    wall,
    ...shares[index].map((share) => {
      const cell = el("span", { class: "share", text: fixed(share, 0) });
      cell.style.background = `rgba(194, 65, 12, ${fixed((0.7 * share) / most, 2)})`;
      return cell;
    }),
  ]);
  return table(["wall", ...leads], rows);
}

/**
 * Share of right answers over confidence.
 * @param {number[][]} bins beats, hits and sum of confidences of each
 */
function reliabilityPlot(bins) {
  const size = 260;
  const [left, bottom] = [44, 40];
  const x = (/** @type {number} */ value) => left + size * value;
  const y = (/** @type {number} */ value) => 10 + size * (1 - value);
  const all = bins.reduce((sum, [count]) => sum + count, 0);
  const picture = svg("svg", {
    viewBox: `0 0 ${left + size + 12} ${size + bottom + 16}`,
    role: "img",
    "aria-label": "Reliability",
    class: "square",
  });
  for (const value of [0, 0.25, 0.5, 0.75, 1])
    picture.append(
      svg("line", { x1: x(0), x2: x(1), y1: y(value), y2: y(value), stroke: "#e6e9ed" }),
      svg("text", { x: x(0) - 6, y: y(value) + 4, "text-anchor": "end", text: fixed(value, 2) }),
      svg("text", { x: x(value), y: y(0) + 16, "text-anchor": "middle", text: fixed(value, 2) }),
    );
  picture.append(svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), stroke: QUIET, "stroke-dasharray": "4 4" }));
  for (const [count, hits, sure] of bins.filter(([count]) => count)) {
    const [at, share] = [sure / count, hits / count];
    picture.append(
      svg("line", { x1: x(at), x2: x(at), y1: y(at), y2: y(share), stroke: BLUE, "stroke-opacity": 0.35 }),
      svg(
        "circle",
        { cx: x(at), cy: y(share), r: 3 + 9 * Math.sqrt(count / all), fill: BLUE, "fill-opacity": 0.75 },
        svg("title", { text: `${whole(count)} beats: sure ${fixed(100 * at, 1)} %, right ${fixed(100 * share, 1)} %` }),
      ),
    );
  }
  picture.append(
    svg("text", {
      x: x(0.5),
      y: size + bottom + 12,
      "text-anchor": "middle",
      text: "confidence (probability of the predicted class)",
    }),
  );
  picture.append(
    svg("text", { x: -y(0.5), y: 11, transform: "rotate(-90)", "text-anchor": "middle", text: "share that is right" }),
  );
  return picture;
}

/**
 * How many cases have which error.
 * @param {Float64Array} errors
 * @param {string} unit
 */
function histogram(errors, unit) {
  const known = Array.from(errors).filter(Number.isFinite);
  const high = round125(Math.max(...known, 1e-6));
  const bins = new Array(30).fill(0);
  for (const error of known) bins[Math.min(Math.floor((30 * error) / high), 29)]++;
  const most = Math.max(...bins);
  const picture = svg("svg", {
    viewBox: "0 0 640 190",
    role: "img",
    "aria-label": "Errors of the test cases",
    class: "wide",
  });
  bins.forEach((count, index) => {
    const tall = (140 * count) / most;
    picture.append(
      svg(
        "rect",
        { x: 20 + index * 20, y: 146 - tall, width: 18, height: tall, fill: BLUE },
        svg("title", { text: `${whole(count)} cases` }),
      ),
    );
  });
  for (const part01 of [0, 0.2, 0.4, 0.6, 0.8, 1])
    picture.append(
      svg("text", {
        x: 20 + 598 * part01,
        y: 162,
        "text-anchor": "middle",
        text: String(Number((high * part01).toPrecision(3))),
      }),
    );
  picture.append(
    svg("text", {
      x: 320,
      y: 182,
      "text-anchor": "middle",
      text: `mean error of a case (${unit}), ${whole(known.length)} cases`,
    }),
  );
  return picture;
}

/** @param {Part} part */
function siteErrors(part) {
  const sorted = Object.entries(part.sites).sort((one, other) => Number(other[1]) - Number(one[1]));
  const rows = sorted.map(([name, error]) => [
    name,
    error === null ? "–" : `${fixed(Number(error), 2)} ${part.error_unit}`,
  ]);
  return el(
    "details",
    {},
    el("summary", { text: `Sites: ${rows[0].join(" ")} is worst, ${rows[rows.length - 1].join(" ")} best` }),
    table(["site", "mean error"], rows),
  );
}

/**
 * The learning curves: losses, and the metrics on validation data.
 * @param {{[name: string]: (number | null)[]}} curves
 * @param {string[]} colours
 * @param {HTMLElement} lossBox
 * @param {HTMLElement} scoreBox
 */
function drawCurves(curves, colours, lossBox, scoreBox) {
  const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const names = Object.keys(curves).filter((name) => name !== "step");
  const losses = names.filter((name) => name.endsWith("loss"));
  const scores = names.filter((name) => !name.endsWith("loss"));
  for (const [box, some, label] of /** @type {[HTMLElement, string[], string][]} */ ([
    [lossBox, losses, "loss"],
    [scoreBox, scores, "validation"],
  ])) {
    if (!some.length) continue;
    const series = some.map((name, index) => ({
      label: name.replace(/^validation_/, label === "loss" ? "validation " : "").replaceAll("_", " "),
      stroke: colours[index % colours.length],
      dash: dashes[Math.floor(index / colours.length) % dashes.length],
      width: 1.8,
      points: { show: curves.step.length < 40 },
      value: (/** @type {any} */ _, /** @type {number} */ value) => fixed(value, 4),
    }));
    plotted(
      box,
      300,
      {
        scales: { x: { time: false } },
        axes: [axis("step"), axis(label)],
        cursor: { drag: { x: false, y: false } },
        series: [{ label: "step" }, ...series],
      },
      [curves.step, ...some.map((name) => curves[name])],
    );
  }
}

/**
 * Share of wrong beats over the share that is kept, %.
 * @param {{coverage: number[], risk: number[]}} risk
 * @param {HTMLElement} box
 */
function drawRisk({ coverage, risk }, box) {
  const percent = (/** @type {any} */ _, /** @type {number} */ value) => `${fixed(value, 2)} %`;
  plotted(
    box,
    260,
    {
      scales: { x: { time: false }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ high) => [0, 1.1 * high || 1] } },
      axes: [axis("coverage: beats kept (%)"), axis("selective risk: wrong among these (%)")],
      cursor: { drag: { x: false, y: false } },
      series: [
        { label: "coverage", value: percent },
        { label: "selective risk", stroke: BLUE, width: 1.8, points: { show: true }, value: percent },
      ],
    },
    [coverage, risk].map((values) => values.map((value) => 100 * value)),
  );
}

/** @param {Part} part */
function repeatPane(part) {
  const { command, config, versions, devices, code, fingerprints, seconds } = part.repeat;
  const pairs = (/** @type {any} */ some) =>
    table(
      ["field", "value"],
      Object.entries(some).map(([name, value]) => [name, String(value)]),
      [1],
    );
  return pane(
    "Train it again",
    "The same command on the same machine gives bit-identical results.",
    el("pre", { text: command }),
    table(
      ["what", "SHA-256, or version"],
      [
        ...Object.entries(fingerprints).map(([name, sum]) => [name, String(sum)]),
        ["code (git)", code ?? "installed from a wheel"],
        ["devices", devices.join(", ")],
        ["training time", `${fixed(seconds / 60, 1)} min`],
      ],
      [1],
    ),
    el("details", {}, el("summary", { text: "Configuration" }), pairs(config)),
    el("details", {}, el("summary", { text: "Versions" }), pairs(versions)),
  );
}
