// @ts-check
// The confusion matrix, and the beats of a cell of it one by one.

/**
 * Build the matrix and the viewer.
 * @param {Part} part of `run.py`
 * @param {OnKeys} onKeys
 */
function confusionPanes(part, onKeys) {
  const { beats, cells, worst, signals, shades: shaded, rate, unit } = part.cases;
  const state = { true: 0, prediction: 0, at: 0, list: /** @type {number[]} */ (worst), isWorst: true };
  /** @type {HTMLElement[][]} */
  const buttons = part.classes.map((/** @type {any} */ own, /** @type {number} */ row) => {
    const all = part.confusion[row].reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one, 0);
    return part.classes.map((/** @type {any} */ other, /** @type {number} */ column) => {
      const count = part.confusion[row][column];
      const share = all ? count / all : 0;
      const text = `${whole(count)} beats of class ${own.name} were called ${other.name} (${fixed(100 * share, 1)} %)`;
      const button = el(
        "button",
        {
          type: "button",
          class: "matrix-cell",
          title: text,
          "aria-label": text,
          disabled: !count,
          onclick: () => openCell(row, column),
        },
        el("strong", { text: whole(count) }),
        el("span", { text: count ? `${fixed(100 * share, 1)} %` : "" }),
      );
      button.style.background = share
        ? row === column
          ? `rgba(11, 92, 173, ${0.08 + 0.6 * share})`
          : `rgba(194, 65, 12, ${0.08 + 0.6 * Math.sqrt(share)})`
        : "#f6f7f9";
      button.style.color = row === column && share > 0.75 ? "#fff" : INK;
      return button;
    });
  });
  const isTrue = part.confusion.map((/** @type {number[]} */ row) => row.some(Boolean));
  const isShown = isTrue.map(
    (/** @type {boolean} */ here, /** @type {number} */ column) =>
      here || part.confusion.some((/** @type {number[]} */ row) => row[column]),
  );
  const named = (/** @type {any} */ one) => el("span", { title: one.meaning, text: one.name });
  const matrix = el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "matrix" },
      el("caption", { class: "quiet", text: "rows: true class; columns: predicted class" }),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", {}),
          ...part.classes.map((/** @type {any} */ one, /** @type {number} */ column) =>
            el("th", { scope: "col", hidden: !isShown[column] }, named(one)),
          ),
        ),
      ),
      el(
        "tbody",
        {},
        ...buttons.map((row, index) =>
          el(
            "tr",
            { hidden: !isTrue[index] },
            el("th", { scope: "row" }, named(part.classes[index])),
            ...row.map((button, column) => el("td", { hidden: !isShown[column] }, button)),
          ),
        ),
      ),
    ),
  );

  const heading = el("h4", {});
  const count = el("p", { class: "quiet", "aria-live": "polite" });
  const figure = el("div", { class: "case" });
  const about = el("dl", {});
  const step = (/** @type {number} */ way) => show(state.at + way);
  const viewer = el(
    "div",
    {},
    heading,
    count,
    el(
      "div",
      { class: "tools" },
      el("button", { type: "button", text: "← beat", onclick: () => step(-1) }),
      el("button", { type: "button", text: "beat →", onclick: () => step(1) }),
      el("button", { type: "button", text: "ten worst", onclick: openWorst }),
    ),
    figure,
    about,
  );

  function mark() {
    for (const [row, some] of buttons.entries())
      for (const [column, button] of some.entries())
        button.setAttribute(
          "aria-current",
          String(!state.isWorst && row === state.true && column === state.prediction),
        );
  }

  /** @param {number} row @param {number} column */
  function openCell(row, column) {
    Object.assign(state, { true: row, prediction: column, list: cells[row][column], isWorst: false });
    const [own, other] = [part.classes[row], part.classes[column]];
    heading.textContent =
      row === column ? `${own.name}, rightly called ${own.name}` : `${own.name}, called ${other.name}`;
    mark();
    viewer.scrollIntoView({ block: "nearest" });
    show(0);
  }

  function openWorst() {
    Object.assign(state, { list: worst, isWorst: true });
    heading.textContent = "The ten worst beats";
    mark();
    show(0);
  }

  /** Go to the next cell that holds beats. @param {number} way */
  function nextCell(way) {
    const size = part.classes.length;
    let at = state.isWorst ? (way > 0 ? -1 : size * size) : state.true * size + state.prediction;
    for (let tried = 0; tried < size * size; tried++) {
      at = (at + way + size * size) % (size * size);
      const [row, column] = [Math.floor(at / size), at % size];
      if (row !== column && cells[row][column].length) return openCell(row, column);
    }
  }

  let asked = 0;

  /** @param {number} at */
  async function show(at) {
    if (!state.list.length) return;
    const own = ++asked;
    state.at = (at + state.list.length) % state.list.length;
    const beat = beats[state.list[state.at]];
    const all = state.isWorst ? state.list.length : part.confusion[state.true][state.prediction];
    const kept =
      state.list.length < all
        ? `; this file has the ${whole(state.list.length)} of ${whole(all)} whose true class was given the lowest probability`
        : "";
    count.textContent = `${whole(state.at + 1)} of ${whole(state.list.length)}${kept}`;
    const odds = part.classes
      .map((/** @type {any} */ one, /** @type {number} */ index) => `${one.name} ${fixed(100 * beat.odds[index], 1)} %`)
      .join(", ");
    const rows = [
      ["true class", className(part.classes[beat.true])],
      ["predicted", className(part.classes[beat.prediction])],
      ["probabilities", odds],
      [
        "from",
        Object.entries(beat.from)
          .map(([key, value]) => `${key} ${value}`)
          .join(", "),
      ],
    ];
    about.replaceChildren(...rows.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
    const shade = shaded?.worst[worst.indexOf(state.list[state.at])] ?? null;
    const picture = signals
      ? await beatPicture(signals[state.list[state.at]], rate, unit, part.classes[beat.true].colour, 360, shade)
      : el("p", { class: "quiet", text: part.why });
    if (own === asked) figure.replaceChildren(picture);
  }

  onKeys(["ArrowLeft", "ArrowRight"], "the beat before or after, of those that are open", (event) =>
    step(event.key === "ArrowLeft" ? -1 : 1),
  );
  onKeys(["n", "p"], "the next cell of wrong classes with beats in it, or the one before", (event) =>
    nextCell(event.key === "n" ? 1 : -1),
  );
  onKeys(["w"], "the ten worst beats", openWorst);
  /** @param {number} at */
  function showWorst(at) {
    openWorst();
    viewer.scrollIntoView();
    show(at);
  }
  return { matrix, viewer, openWorst, openCell, showWorst };
}

/**
 * A beat's leads, one below the other.
 * @param {Packed} packed (leads, samples)
 * @param {number} rate samples in 1000 of the unit
 * @param {string} unit of the horizontal axis
 * @param {string} colour
 * @param {number} width
 * @param {Packed | null} shade influence of each sample, -1 to 1, (leads, samples)
 */
async function beatPicture(packed, rate, unit, colour, width, shade = null) {
  const leads = await unpackRows(packed);
  const influences = shade ? await unpackRows(shade) : [];
  const height = (width < 250 ? 80 : 130) * leads.length;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height + 16}`, role: "img", "aria-label": "The beat" });
  const samples = leads[0].length;
  const step = (width - 8) / (samples - 1);
  leads.forEach((lead, index) => {
    const [low, high] = range(lead) ?? [0, 1];
    const tall = height / leads.length;
    const gain = (tall - 12) / Math.max(high - low, 1e-6);
    picture.append(
      ...shades(influences[index] ?? new Float64Array(0), (sample) => 4 + step * sample, step, tall * index, tall),
      svg("path", {
        d: trace(lead, 4, step, tall * index + 6 + gain * high, gain),
        fill: "none",
        stroke: colour,
        "stroke-width": 1.5,
      }),
    );
  });
  const length = (1000 * samples) / rate;
  const apart = [50, 100, 250, 500, 1000, 2500].find((one) => length / one <= width / 55) ?? 5000;
  for (let time = 0; time <= length; time += apart)
    picture.append(
      svg("text", {
        x: 4 + (step * time * rate) / 1000,
        y: height + 12,
        "text-anchor": !time ? "start" : time > 0.95 * length ? "end" : "middle",
        text: `${time}${time ? "" : ` ${unit}`}`,
      }),
    );
  return picture;
}
