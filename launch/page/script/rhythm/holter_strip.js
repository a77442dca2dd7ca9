// @ts-check
// A strip of a recording on ECG paper, true to scale: 25 mm/s and 10 mm/mV.

const SPEED = 25; // mm/s
const STRIP = 50; // mm, height
const MM = 96 / 25.4; // CSS pixels
const COLOURED = [0.25, 0.45]; // s around an R peak that have the colour of its class, or half way to the next beat

/** @typedef {{times: Float64Array, rr: Float64Array, classes: Float64Array, probabilities: Float64Array[], flags: string[], flag: Float64Array}} Beats */

/**
 * The signal of a part `rhythm`, unpacked by the minute when it is needed.
 * @param {{rate: number, seconds: number, chunks: (Packed | null)[]}} signal
 */
function recordedSignal(signal) {
  /** @type {Map<number, Promise<Float64Array | null>>} */
  const found = new Map();
  /** @param {number} index */
  function chunk(index) {
    const packed = signal.chunks[index];
    if (!packed) return Promise.resolve(null);
    let values = found.get(index);
    if (!values) {
      if (found.size > 240) found.delete(found.keys().next().value ?? 0);
      values = unpack(packed).then((one) => one.values);
      found.set(index, values);
    }
    return values;
  }
  /**
   * The samples from `start` on for `seconds`; NaN where the page has none.
   * @param {number} start s
   * @param {number} seconds
   */
  async function between(start, seconds) {
    const first = Math.round(start * signal.rate);
    const values = new Float64Array(Math.round(seconds * signal.rate)).fill(NaN);
    const size = signal.rate * signal.seconds;
    for (
      let index = Math.max(Math.floor(first / size), 0);
      index * size < first + values.length && index < signal.chunks.length;
      index++
    ) {
      const part = await chunk(index);
      const offset = index * size - first;
      part?.forEach((value, at) => {
        if (at + offset >= 0 && at + offset < values.length) values[at + offset] = value;
      });
    }
    return values;
  }
  return { chunk, between };
}

/**
 * The strip and its beats.
 * @param {Part} part
 * @param {Beats} beats
 * @param {ReturnType<typeof recordedSignal>} signal
 * @param {(beat: number) => void} hover called with the beat under the pointer
 * @param {(seconds: number) => void} pan called with the s by which the strip was dragged
 */
function holterStrip(part, beats, signal, hover, pan) {
  const box = el("div", {
    class: "strip",
    tabindex: 0,
    "aria-label": "Strip of the recording. Drag it, or press the arrow keys.",
  });
  let asked = 0;

  /** s that the box shows */
  const seconds = () => Math.max(Math.min(box.clientWidth || 600, 1400) / MM / SPEED, 2);

  /**
   * @param {number} start s
   * @param {number} selected the chosen beat
   * @param {number} [shown] s
   */
  async function draw(start, selected, shown = seconds()) {
    const own = ++asked;
    const values = await signal.between(start, shown);
    if (own !== asked) return;
    const width = shown * SPEED;
    const [low, high] = range(values) ?? [0, 0];
    const gain = [10, 5, 2.5].find((one) => one * (high - low) <= STRIP - 12) ?? 2.5;
    const middle = 8 + (STRIP - 8) / 2 + (gain * (low + high)) / 2;
    const step = SPEED / part.signal.rate;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${STRIP}`, role: "img" });
    picture.style.width = `${width}mm`;
    picture.append(paper(width, STRIP, start * SPEED));
    if (range(values) === null)
      picture.append(
        svg("text", {
          x: width / 2,
          y: STRIP / 2,
          "text-anchor": "middle",
          class: "absent",
          text: "The signal of this minute is not in this file; its beats are.",
        }),
      );
    picture.append(svg("path", { d: trace(values, 0, step, middle, gain), class: "lead" }));
    for (const stretch of part.unreadable) {
      const [from, to] = [Math.max(stretch.start, start), Math.min(stretch.end, start + shown)];
      if (from < to)
        picture.append(
          svg(
            "rect",
            { x: (from - start) * SPEED, y: 0, width: (to - from) * SPEED, height: STRIP, class: "unreadable" },
            svg("title", { text: `cannot be read: ${stretch.reason}` }),
          ),
        );
    }
    const [first, last] = [lastAtMost(beats.times, start - 1) + 1, lastAtMost(beats.times, start + shown + 1)];
    for (let beat = first; beat <= last; beat++) drawBeat(beat);
    /** @param {number} beat */
    function drawBeat(beat) {
      const kind = part.classes[beats.classes[beat]];
      const at = beats.times[beat] - start;
      const from = Math.max(at - COLOURED[0], (beats.times[beat - 1] - start + at) / 2 || at - COLOURED[0]);
      const to = Math.min(at + COLOURED[1], (beats.times[beat + 1] - start + at) / 2 || at + COLOURED[1]);
      if (kind.name !== part.normal) {
        const index = Math.max(Math.round(from * part.signal.rate), 0);
        const piece = values.subarray(index, Math.max(Math.round(to * part.signal.rate), index));
        picture.append(
          svg("path", { d: trace(piece, index * step, step, middle, gain), class: "ectopic", stroke: kind.colour }),
        );
      }
      if (at < 0 || at > shown) return;
      if (beat === selected)
        picture.append(
          svg("rect", { x: from * SPEED, y: 0, width: (to - from) * SPEED, height: STRIP, class: "selected" }),
        );
      picture.append(
        svg("text", {
          x: at * SPEED,
          y: 5.5,
          "text-anchor": "middle",
          class: "beat-name",
          fill: kind.colour,
          text: beatName(part, beats, beat),
        }),
      );
      const target = svg(
        "rect",
        { x: from * SPEED, y: 0, width: (to - from) * SPEED, height: STRIP, class: "target" },
        svg("title", { text: beatText(part, beats, beat) }),
      );
      target.addEventListener("pointerenter", () => hover(beat));
      target.addEventListener("click", () => hover(beat));
      picture.append(target);
    }
    picture.append(
      svg("text", { x: 1.5, y: STRIP - 1.8, class: "scale", text: `${leadAt(part, start)}, ${clock(start, 1)}` }),
    );
    picture.append(
      svg("text", {
        x: width - 1.5,
        y: STRIP - 1.8,
        "text-anchor": "end",
        class: "scale",
        text: `25 mm/s, ${gain} mm/mV`,
      }),
    );
    box.replaceChildren(picture);
  }

  let before = /** @type {number | null} */ (null);
  box.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => (before = event.clientX));
  addEventListener("pointermove", (event) => {
    if (!event.buttons) before = null; // it was released outside of the window
    if (before === null) return;
    pan((before - event.clientX) / MM / SPEED);
    before = event.clientX;
  });
  addEventListener("pointerup", () => (before = null));
  addEventListener("pointercancel", () => (before = null));
  box.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      if (Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      pan(event.deltaX / MM / SPEED);
    },
    { passive: false },
  );
  return { box, draw, seconds };
}

/** The lead that was read at a time. @param {Part} part @param {number} time s */
function leadAt(part, time) {
  return part.leads[
    Math.max(
      lastAtMost(
        part.leads.map((/** @type {any} */ one) => one.start),
        time + 1e-6,
      ),
      0,
    )
  ].name;
}

/** The class of a beat, with a question mark if it is uncertain. @param {Part} part @param {Beats} beats @param {number} beat */
function beatName(part, beats, beat) {
  const uncertain = beats.flags[beats.flag[beat]].split(" ").includes("uncertain");
  return part.classes[beats.classes[beat]].name + (uncertain ? "?" : "");
}

/** A beat in words. @param {Part} part @param {Beats} beats @param {number} beat */
function beatText(part, beats, beat) {
  const kind = part.classes[beats.classes[beat]];
  const odds = part.classes.map(
    (/** @type {any} */ one, /** @type {number} */ index) =>
      `${one.name} ${fixed(100 * beats.probabilities[index][beat])} %`,
  );
  const flags = beats.flags[beats.flag[beat]];
  const rr = Number.isFinite(beats.rr[beat])
    ? `, ${fixed(1000 * beats.rr[beat])} ms after the beat before (RR interval)`
    : "";
  return `Beat ${whole(beat + 1)} at ${clock(beats.times[beat], 2)}: ${className(kind)}${rr}. Probabilities: ${odds.join(", ")}.${flags ? ` Doubtful: ${flags
    .split(" ")
    .map((one) => one.replaceAll("_", " "))
    .join(", ")}.` : ""}`;
}
