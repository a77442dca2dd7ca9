// @ts-check
// Leads on ECG paper, as SVG.

/**
 * The grid of ECG paper: thin lines each mm, thicker ones each 5 mm.
 * @param {number} width mm
 * @param {number} height mm
 * @param {number} [start] mm of paper at the left edge
 */
function paper(width, height, start = 0) {
  const lines = { thin: "", thick: "" };
  for (let at = Math.ceil(start); at <= start + width; at++)
    lines[at % 5 ? "thin" : "thick"] += `M${(at - start).toFixed(2)} 0V${height}`;
  for (let at = 0; at <= height; at++) lines[at % 5 ? "thin" : "thick"] += `M0 ${at}H${width}`;
  return svg(
    "g",
    { class: "paper" },
    svg("path", { class: "thin", d: lines.thin }),
    svg("path", { class: "thick", d: lines.thick }),
  );
}

/**
 * The path of a signal; a gap where a sample is not known.
 * @param {ArrayLike<number>} signal
 * @param {number} left x of the first sample
 * @param {number} step x between samples
 * @param {number} middle y of 0
 * @param {number} gain y of a unit of the signal
 */
function trace(signal, left, step, middle, gain) {
  let path = "";
  let down = false;
  for (let index = 0; index < signal.length; index++) {
    const value = signal[index];
    if (Number.isFinite(value))
      path += `${down ? "L" : "M"}${(left + step * index).toFixed(2)} ${(middle - gain * value).toFixed(2)}`;
    down = Number.isFinite(value);
  }
  return path;
}

/**
 * Twelve leads in four columns, or two where the page is narrow, with a cursor of time.
 * @param {string[]} names
 * @param {number} lead_in ms from the first sample to the onset
 * @param {(time: number) => void} choose called with the time that was clicked, ms after the onset
 */
function twelveLeads(names, lead_in, choose) {
  const speed = 0.1; // mm/ms
  const [column, row, head, foot] = [55, 28, 4, 5]; // mm
  const columns = innerWidth < 600 ? 2 : 4;
  const rows = names.length / columns;
  const width = columns * column;
  const height = rows * row + head + foot;
  const left = (/** @type {number} */ index) => column * Math.floor(index / rows) + 2;
  const top = (/** @type {number} */ index) => head + row * (index % rows);
  const traces = names.map(() => svg("path", { class: "lead" }));
  const shaded = svg("g", {});
  const others = names.map(() => svg("path", { class: "lead explained" }));
  // The cursors lie above the picture, so that it is not painted again when they move.
  const cursors = Array.from({ length: columns }, () => el("div", { class: "cursor" }));
  for (const cursor of cursors) cursor.style.height = `${100 * (1 - foot / height)}%`;
  const labels = names.map((name, index) =>
    svg("text", { x: left(index) - 0.8, y: top(index) + 4, class: "lead-name", text: name }),
  );
  const scale = svg("text", { class: "scale", x: width - 1, y: height - 1.5, "text-anchor": "end" });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "leads", role: "img", "aria-label": "Twelve leads" },
    paper(width, height),
    shaded,
    ...traces,
    ...others,
    ...labels,
    scale,
  );
  const box = el("div", { class: "with-cursor" }, picture, ...cursors);
  box.style.setProperty("--on-paper", `${0.6 * width}mm`);
  picture.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    const box = picture.getBoundingClientRect();
    const at = ((((event.clientX - box.left) / box.width) * width) % column) - 2;
    choose(Math.max(Math.min(at / speed, 499), 0) - lead_in);
  });
  /**
   * @param {Float64Array[]} leads mV
   * @param {Float64Array[] | null} explained mV, leads to be drawn over them
   */
  function draw(leads, explained) {
    const most = Math.max(...leads.map((lead) => (([low, high]) => high - low)(range(lead) ?? [0, 0])));
    const gain = [20, 10, 5, 2.5].find((one) => one * most <= row - 8) ?? 2.5; // below the name of the lead
    leads.forEach((lead, index) => {
      const [low, high] = range(lead) ?? [0, 0];
      const middle = top(index) + row / 2 + 2 + (gain * (low + high)) / 2;
      traces[index].setAttribute("d", trace(lead, left(index), speed, middle, gain));
      others[index].setAttribute("d", explained ? trace(explained[index], left(index), speed, middle, gain) : "");
    });
    scale.textContent = `100 mm/s, ${gain} mm/mV: a small square is 10 ms and ${fixed(1 / gain, 2)} mV`;
  }
  /** Shade what moved the prediction. @param {Float64Array[]} influence -1 to 1, of each sample of each lead, or none */
  function shade(influence) {
    const strips = influence.flatMap((lead, index) =>
      shades(lead, (sample) => left(index) + speed * sample, speed, top(index), row),
    );
    shaded.replaceChildren(...strips);
  }
  /** @param {number} time ms after the onset */
  function move(time) {
    cursors.forEach((cursor, index) => moveCursor(cursor, (left(index * rows) + speed * (time + lead_in)) / width));
  }
  return { box, draw, shade, move };
}
