// @ts-check
// The whole recording: heart rate and burden over its time, and all of its signal, a minute a row.

const ROW = 38; // px, a minute of signal

/**
 * Heart rate over the recording.
 * @param {HTMLElement} box
 * @param {{size: number, low: Float64Array, middle: Float64Array, high: Float64Array}} rate
 * @param {number} duration s
 * @param {(time: number) => void} choose called with the time that was clicked, s
 */
function ratePlot(box, rate, duration, choose) {
  const times = Array.from(rate.middle, (_, index) => (index + 0.5) * rate.size);
  const known = (/** @type {Float64Array} */ values) =>
    Array.from(values, (value) => (Number.isFinite(value) ? value : null));
  const [, most] = range([...rate.high].filter(Number.isFinite)) ?? [0, 100];
  const plot = plotted(
    box,
    190,
    {
      scales: {
        x: { time: false, range: [0, duration] },
        y: { range: [0, 20 * Math.ceil(Math.min(most, 260) / 20 + 0.2)] },
      },
      axes: [
        axis("", {
          values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((time) => clock(time)),
          incrs: [10, 30, 60, 300, 600, 1800, 3600, 7200, 10800, 21600, 86400],
          size: 30,
          space: 80,
        }),
        axis("beats a minute"),
      ],
      padding: [null, 30, null, null], // half of the last label of the axis
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false },
      series: [{}, { stroke: "#9db4d6", width: 0.5 }, { stroke: BLUE, width: 1.6 }, { stroke: "#9db4d6", width: 0.5 }],
      bands: [{ series: [3, 1], fill: "#0b5cad1f" }],
    },
    [times, known(rate.low), known(rate.middle), known(rate.high)],
  );
  plot.over.addEventListener("click", () => choose(plot.posToVal(plot.cursor.left ?? 0, "x")));
  return { move: cursorIn(plot) };
}

/**
 * Ectopic beats of each bin, as a share of its beats.
 * @param {Part} part
 * @param {(time: number) => void} choose called with the start of the bin that was clicked, s
 */
function burdenBars(part, choose) {
  const { size, beats } = part.burden;
  const bins = beats[0].length;
  const shares = Array.from({ length: bins }, (_, bin) => {
    const all = beats.reduce((/** @type {number} */ sum, /** @type {number[]} */ row) => sum + row[bin], 0);
    return part.classes.map((/** @type {any} */ one, /** @type {number} */ index) =>
      all && one.name !== part.normal ? (100 * beats[index][bin]) / all : 0,
    );
  });
  const most = round125(
    Math.max(
      ...shares.map((row) => row.reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one, 0)),
      1,
    ),
  );
  const [width, height, left] = [innerWidth < 600 ? 400 : 1000, 150, 46];
  const wide = (width - left) / bins;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: "burden",
    role: "img",
    "aria-label": "Share of ectopic beats",
  });
  for (const share of [0, 0.5, 1]) {
    const y = 120 - 108 * share;
    picture.append(
      svg("line", { x1: left, x2: width, y1: y, y2: y, stroke: "#e6e9ed" }),
      svg("text", { x: left - 6, y: y + 4, "text-anchor": "end", text: `${Number((most * share).toFixed(2))} %` }),
    );
  }
  const every = Math.max(Math.ceil((bins * 80) / width), 1);
  shares.forEach((row, bin) => {
    let y = 120;
    const words = [];
    for (const [index, share] of row.entries()) {
      const tall = (108 * share) / most;
      y -= tall;
      if (share) words.push(`${part.classes[index].name} ${whole(beats[index][bin])} (${fixed(share, 1)} %)`);
      if (share)
        picture.append(
          svg("rect", {
            x: left + bin * wide + 1,
            y,
            width: Math.max(wide - 2, 1),
            height: tall,
            fill: part.classes[index].colour,
          }),
        );
    }
    const target = svg(
      "rect",
      { x: left + bin * wide, y: 8, width: wide, height: 112, class: "target" },
      svg("title", { text: `${clock(bin * size)}: ${words.join(", ") || "none"}` }),
    );
    target.addEventListener("click", () => choose(bin * size));
    picture.append(target);
    if (bin % every === 0) picture.append(svg("text", { x: left + bin * wide, y: 138, text: clock(bin * size) }));
  });
  return picture;
}

/**
 * All of the signal, a minute a row. Only the rows in sight are drawn, each once.
 * @param {Part} part
 * @param {Beats} beats
 * @param {ReturnType<typeof recordedSignal>} signal
 * @param {(time: number) => void} choose called with the time that was clicked, s
 */
function allMinutes(part, beats, signal, choose) {
  const minutes = part.signal.chunks.length;
  const { seconds } = part.signal;
  const canvas = el("canvas", {});
  const box = el(
    "div",
    { class: "minutes", tabindex: 0, "aria-label": "The whole signal, a minute a row" },
    el("div", { class: "all" }, canvas),
  );
  box.firstChild.style.height = `${minutes * ROW}px`;
  /** @type {Map<number, HTMLCanvasElement>} */
  const rows = new Map();
  /** @type {Map<number, Float64Array | null>} */
  const ready = new Map();
  /** @type {Set<number>} */
  const asked = new Set();
  const label = 58;
  let now = 0;
  let waiting = false;
  let wide = 0;

  function arrange() {
    wide = box.clientWidth;
    rows.clear();
    draw();
  }
  function draw() {
    if (!waiting) requestAnimationFrame(drawNow);
    waiting = true;
  }
  const ratio = () => Math.min(devicePixelRatio || 1, 2);

  function drawNow() {
    waiting = false;
    if (!wide) return;
    const [scale, tall] = [ratio(), box.clientHeight];
    if (canvas.width !== Math.round(wide * scale) || canvas.height !== Math.round(tall * scale)) {
      canvas.width = Math.round(wide * scale);
      canvas.height = Math.round(tall * scale);
      canvas.style.height = `${tall}px`;
    }
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const first = Math.floor(box.scrollTop / ROW);
    let left = 2; // rows that are drawn in a frame, so that none takes long
    for (let row = first; row <= first + Math.ceil(tall / ROW) && row < minutes; row++) {
      const y = Math.round((row * ROW - box.scrollTop) * scale);
      const values = ready.get(row);
      if (!rows.has(row) && values !== undefined && left-- > 0) rows.set(row, drawRow(row, values));
      const drawn = rows.get(row);
      if (drawn) pen.drawImage(drawn, 0, y);
      else if (values === undefined) read(row);
      else draw();
    }
    if (rows.size > 400) for (const row of [...rows.keys()].slice(0, 200)) forget(row);
    const at = now / seconds;
    const x = label + (at % 1) * (wide - label);
    Object.assign(pen, { strokeStyle: ACCENT, lineWidth: 2 * scale });
    pen.strokeRect(
      (x - 2) * scale,
      (Math.floor(at) * ROW - box.scrollTop + 2) * scale,
      (((wide - label) * 10) / seconds) * scale,
      (ROW - 4) * scale,
    );
  }

  /** @param {number} row */
  function forget(row) {
    rows.delete(row);
    ready.delete(row);
  }

  /** @param {number} row */
  function read(row) {
    if (asked.has(row)) return;
    asked.add(row);
    signal.chunk(row).then((values) => {
      asked.delete(row);
      ready.set(row, values);
      draw();
    });
  }

  /** @param {number} row @param {Float64Array | null} values */
  function drawRow(row, values) {
    const scale = ratio();
    const picture = document.createElement("canvas");
    picture.width = Math.round(wide * scale);
    picture.height = Math.round(ROW * scale);
    const pen = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d", { willReadFrequently: true }));
    pen.scale(scale, scale);
    Object.assign(pen, { font: "11px system-ui, sans-serif", fillStyle: QUIET, textBaseline: "middle" });
    pen.fillText(clock(row * seconds), 4, ROW / 2);
    if (!values) {
      pen.fillText("not in this file", label + 8, ROW / 2);
      pen.fillStyle = "#eef0f3";
      pen.fillRect(label, ROW - 3, wide, 2);
    } else {
      drawTrace(pen, values, row * seconds);
    }
    return picture;
  }

  /**
   * Draw a minute: of each column of pixels the lowest and the highest sample, in the colour of its beat.
   * @param {CanvasRenderingContext2D} pen @param {Float64Array} values @param {number} start s
   */
  function drawTrace(pen, values, start) {
    const { rate } = part.signal;
    const sorted = Float64Array.from(values).sort();
    const at = (/** @type {number} */ share) => sorted[Math.floor((sorted.length - 1) * share)];
    const gain = Math.min((ROW * 0.45) / Math.max(at(0.998) - at(0.5), at(0.5) - at(0.002)), 18); // 0.5 is the edge
    const step = (wide - label) / seconds / rate; // px from sample to sample
    const every = Math.max(Math.floor(0.75 / step), 1);
    const y = (/** @type {number} */ value) => ROW / 2 - gain * (value - at(0.5));
    const end = (/** @type {number} */ one) =>
      Math.min(beats.times[one] + COLOURED[1], (beats.times[one] + (beats.times[one + 1] ?? Infinity)) / 2);
    let beat = lastAtMost(beats.times, start - COLOURED[1]) + 1;
    let colour = "";
    for (let first = 0; first < values.length; first += every) {
      const time = start + first / rate;
      while (beat < beats.times.length && end(beat) < time) beat++;
      const inside = beat < beats.times.length && time >= beats.times[beat] - COLOURED[0] && beats.classes[beat] > 0;
      const wanted = inside ? part.classes[beats.classes[beat]].colour : INK;
      const x = label + first * step;
      let [low, high] = [values[first], values[first]];
      for (let index = first + 1; index < first + every && index < values.length; index++) {
        if (values[index] < low) low = values[index];
        else if (values[index] > high) high = values[index];
      }
      if (wanted !== colour) {
        if (colour) pen.stroke();
        Object.assign(pen, { strokeStyle: wanted, lineWidth: wanted === INK ? 0.8 : 1.2 });
        pen.beginPath();
        pen.moveTo(x, y(values[first]));
        colour = wanted;
      }
      pen.lineTo(x, y(low));
      if (high > low) pen.lineTo(x, y(high));
    }
    if (colour) pen.stroke();
  }

  box.addEventListener("scroll", draw, { passive: true });
  box.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const place = box.getBoundingClientRect();
    const row = Math.floor((event.clientY - place.top + box.scrollTop) / ROW);
    const part01 = Math.max((event.clientX - place.left - label) / (wide - label), 0);
    choose((row + part01) * seconds - 2);
  });
  new ResizeObserver(arrange).observe(box);
  return {
    box,
    /** Show the row of a time. @param {number} time s */
    move(time) {
      now = time;
      const top = Math.floor(time / seconds) * ROW;
      if (top < box.scrollTop || top + ROW > box.scrollTop + box.clientHeight)
        box.scrollTop = Math.max(top - box.clientHeight / 2, 0);
      draw();
    },
  };
}
