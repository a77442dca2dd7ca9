// @ts-check
// The part `rhythm`: the beats of a recording, from the whole of it down to one strip.

/**
 * Build the part.
 * @param {Part} part of `rhythm_part.py`
 * @param {OnKeys} onKeys
 */
async function rhythmPart(part, onKeys) {
  const packed = part.beats;
  /** @type {Beats} */
  const beats = {
    times: (await unpack(packed.times)).values,
    rr: (await unpack(packed.rr)).values,
    classes: (await unpack(packed.classes)).values,
    probabilities: await unpackRows(packed.probabilities),
    flags: packed.flags,
    flag: (await unpack(packed.flag)).values,
  };
  const rate = {
    size: part.rate.size,
    low: (await unpack(part.rate.low)).values,
    middle: (await unpack(part.rate.middle)).values,
    high: (await unpack(part.rate.high)).values,
  };
  const duration = part.summary.duration_s;
  const signal = recordedSignal(part.signal);
  const state = { start: 0, beat: 0 };

  const strip = holterStrip(
    part,
    beats,
    signal,
    (beat) => tell(beat),
    (seconds) => setStart(state.start + seconds),
  );
  const minutes = allMinutes(part, beats, signal, (time) => setStart(time));
  const rateBox = el("div", { class: "plot" });
  /** @type {ReturnType<typeof ratePlot> | null} */
  let plot = null;
  const told = el("p", { class: "beat-text", "aria-live": "polite" });
  const found = el("p", { class: "quiet" });

  /** @param {number} start s */
  function setStart(start) {
    state.start = Math.max(Math.min(start, duration - strip.seconds()), 0);
    strip.draw(state.start, state.beat);
    plot?.move(state.start);
    minutes.move(state.start);
  }

  /** @param {number} beat */
  function tell(beat) {
    told.textContent = beatText(part, beats, beat);
  }

  /** @param {number} beat */
  function setBeat(beat) {
    state.beat = beat;
    tell(beat);
    setStart(beats.times[beat] - strip.seconds() * 0.4);
  }

  /**
   * Go to the next beat of some classes, or the one before.
   * @param {(kind: string) => boolean} wanted
   * @param {number} way 1 or −1
   */
  function step(wanted, way) {
    const inside = beats.times[state.beat] >= state.start && beats.times[state.beat] <= state.start + strip.seconds();
    let beat = inside
      ? state.beat + way
      : way > 0
        ? lastAtMost(beats.times, state.start) + 1
        : lastAtMost(beats.times, state.start);
    while (beat >= 0 && beat < beats.times.length && !wanted(part.classes[beats.classes[beat]].name)) beat += way;
    if (beat < 0 || beat >= beats.times.length)
      found.textContent = way > 0 ? "There is no later one." : "There is no earlier one.";
    else {
      const all = Array.from(beats.classes, (one) => wanted(part.classes[one].name));
      found.textContent = `${whole(all.slice(0, beat + 1).filter(Boolean).length)} of ${whole(all.filter(Boolean).length)}`;
      setBeat(beat);
    }
  }
  const isAbnormal = (/** @type {string} */ name) => name !== part.normal;
  const go = (/** @type {string} */ text, /** @type {() => void} */ act) =>
    el("button", { type: "button", text, onclick: act });
  const present = part.classes.filter(
    (/** @type {any} */ one) => part.summary.beats_by_class[one.name] && one.name !== part.normal,
  );

  onKeys(["n", "p"], "the next abnormal beat, or the one before", (event) =>
    step(isAbnormal, event.key === "n" ? 1 : -1),
  );
  for (const one of present.filter((/** @type {any} */ kind) => kind.key)) {
    const isLetter = one.key !== one.key.toUpperCase(); // Shift and a digit is another sign on each keyboard
    onKeys(
      [one.key, ...(isLetter ? [`Shift+${one.key.toUpperCase()}`] : [])],
      `the next ${className(one)}${isLetter ? ", or with Shift the one before" : ""}`,
      (event) => step((name) => name === one.name, event.shiftKey ? -1 : 1),
    );
  }
  onKeys(["ArrowLeft", "ArrowRight"], "1 s back or on", (event) =>
    setStart(state.start + (event.key === "ArrowLeft" ? -1 : 1)),
  );
  onKeys(["Shift+ArrowLeft", "Shift+ArrowRight", "PageUp", "PageDown"], "a strip back or on", (event) =>
    setStart(state.start + (event.key === "ArrowLeft" || event.key === "PageUp" ? -1 : 1) * strip.seconds()),
  );
  onKeys(["ArrowUp", "ArrowDown"], "a minute back or on", (event) =>
    setStart(state.start + (event.key === "ArrowUp" ? -60 : 60)),
  );
  onKeys(["Shift+ArrowUp", "Shift+ArrowDown"], "an hour back or on", (event) =>
    setStart(state.start + (event.key === "ArrowUp" ? -3600 : 3600)),
  );
  onKeys(["Home", "End"], "the start or the end", (event) => setStart(event.key === "Home" ? 0 : duration));

  const strips = el(
    "div",
    { class: "tools" },
    go("← abnormal (p)", () => step(isAbnormal, -1)),
    go("abnormal → (n)", () => step(isAbnormal, 1)),
    ...present.map((/** @type {any} */ one) =>
      go(`${one.name} →${one.key ? ` (${one.key})` : ""}`, () => step((name) => name === one.name, 1)),
    ),
    found,
  );
  const box = el(
    "div",
    { class: "rhythm-part" },
    ...part.remarks.map((/** @type {string} */ remark) =>
      el("p", { class: remark.startsWith("Warning") ? "warning" : "quiet", text: remark }),
    ),
    rhythmSummary(part, (time) => setStart(time - 2)),
    pane(
      "The whole recording",
      `Heart rate: the median of each ${fixed(rate.size)} s, and where nine tenths of its beats lie. Click to go there.`,
      rateBox,
    ),
    pane(
      "Burden",
      `Share of beats that are not normal, in each ${part.burden.size >= 3600 ? "hour" : `${part.burden.size / 60} min`}.`,
      legend(present),
      burdenBars(part, (time) => setStart(time)),
    ),
    pane(
      "Strip",
      "Drag it, or use the keys. The letter of each beat is its class, with ? where it is uncertain.",
      strips,
      strip.box,
      told,
    ),
    pane(
      "Every minute",
      `A row is a minute; beats that are not normal are coloured. Click to see a strip. ${part.signal.text}`,
      minutes.box,
    ),
    pane(
      "Median beat of each class",
      "The line is the median, the pale band holds half of the beats; at 0 is the R peak, the tallest wave of a beat. " +
        (part.medians.classes.some((/** @type {any} */ one) => one.influence)
          ? "Behind it, red marks what speaks for that class, and blue what speaks against it, as the network judges."
          : ""),
      await medianBeats(part),
    ),
    part.unreadable.length
      ? pane(
          "Unreadable",
          "",
          table(
            ["from", "to", "why"],
            part.unreadable.map((/** @type {any} */ one) => [clock(one.start), clock(one.end), one.reason]),
            [2],
          ),
        )
      : null,
  );

  const show = () => {
    plot = ratePlot(rateBox, rate, duration, setStart);
    const first = Array.from(beats.classes).findIndex((one) => one > 0);
    setBeat(Math.max(first, 0));
    new ResizeObserver(() => setStart(state.start)).observe(strip.box);
    addEventListener("beforeprint", () => strip.draw(Math.max(beats.times[state.beat] - 3, 0), state.beat, 7));
    addEventListener("afterprint", () => strip.draw(state.start, state.beat));
  };
  return { box, show };
}

/** @param {{name: string, meaning: string, colour: string}[]} classes */
function legend(classes) {
  return el(
    "p",
    { class: "legend" },
    ...classes.map((one) =>
      el(
        "span",
        {},
        svg("svg", { viewBox: "0 0 10 10" }, svg("rect", { width: 10, height: 10, rx: 2, fill: one.colour })),
        className(one),
      ),
    ),
  );
}

/**
 * The summary as cards and a table.
 * @param {Part} part
 * @param {(time: number) => void} choose
 */
function rhythmSummary(part, choose) {
  const found = part.summary;
  const at = (/** @type {number | null} */ time) =>
    time === null
      ? null
      : el("button", { type: "button", class: "link", text: `at ${clock(time)}`, onclick: () => choose(time) });
  const card = (
    /** @type {string} */ name,
    /** @type {string} */ value,
    /** @type {Node | string | null} */ more = null,
  ) => el("div", { class: "card" }, el("span", { text: name }), el("strong", { text: value }), more);
  const burden = (/** @type {string} */ name) => `${fixed(found.ectopic[name]?.percent, 1)} %`;
  const cards = el(
    "div",
    { class: "cards" },
    card(
      "length (h:mm:ss)",
      clock(found.duration_s),
      found.unreadable_s ? `${fixed(found.unreadable_percent, 1)} % unreadable` : "all readable",
    ),
    card(
      "beats",
      whole(found.beats),
      part.uncertain && `${whole(part.uncertain.beats)} uncertain (${fixed(part.uncertain.percent, 1)} %)`,
    ),
    card("mean heart rate", `${fixed(found.rate_mean_per_min)} /min`),
    card("lowest, over 10 beats", `${fixed(found.rate_least_per_min)} /min`, at(found.rate_least_at_s)),
    card("highest, over 10 beats", `${fixed(found.rate_most_per_min)} /min`, at(found.rate_most_at_s)),
    card("longest RR interval", `${fixed(found.longest_rr_s, 2)} s`, at(found.longest_rr_at_s)),
    ...[
      ["V", "V burden (ventricular)"],
      ["S", "S burden (supraventricular)"],
    ]
      .filter(([name]) => found.ectopic[name])
      .map(([name, text]) => card(text, burden(name), beatCount(found.beats_by_class[name]))),
  );
  const rows = part.classes.map((/** @type {any} */ one) => {
    const own = found.ectopic[one.name];
    const count = found.beats_by_class[one.name];
    const run = own?.longest_run_beats
      ? el("span", {}, `${own.longest_run_beats} beats `, at(own.longest_run_at_s))
      : "–";
    return [
      className(one),
      whole(count),
      fixed((100 * count) / Math.max(found.beats, 1), 1),
      own ? whole(own.couplets) : "–",
      own ? whole(own.runs) : "–",
      run,
    ];
  });
  return el(
    "div",
    {},
    cards,
    table(["class", "beats", "% of beats", "couplets (two in a row)", "runs (three or more)", "longest run"], rows),
  );
}

/** @param {number} count */
function beatCount(count) {
  return `${whole(count)} ${count === 1 ? "beat" : "beats"}`;
}
