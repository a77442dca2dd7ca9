// @ts-check
// The part `heart`: one heart in linked panes, at one time and one site.

const FRAMES = 30; // a second

/**
 * Build the part.
 * @param {Part} part of `heart_part.py`
 * @param {OnKeys} onKeys
 */
async function heartPart(part, onKeys) {
  const points = await unpackRows(part.points);
  const corners = await unpackRows(part.triangles);
  const weights = part.weights ? await unpackRows(part.weights) : null;
  const surface = new Float64Array(points[0].length);
  const state = {
    one: 0,
    quantity: "times",
    layer: "prediction",
    site: 0,
    time: 0,
    speed: 1,
    playing: false,
    frame: 0,
    shown: 0,
  };
  let shown = await heartCase(part.cases[0]);
  let scale = heartScale(shown, "times", "prediction", part.isochrone);

  const drawn = whatDraws();
  const scene = drawn === "none" ? null : heartScene(part, points, corners, setSite, drawn);
  const leads = twelveLeads(part.lead_names, shown.lead_in, setTime);
  const explained = el("p", { class: "quiet" });
  const flat = bullsEye(part.sites, setSite);
  const bar = colourBar();
  const reading = el("dl", { class: "reading" });
  const line = el("div", { class: "time-line" });
  const plotBox = el("div", { class: "plot voltage" });
  /** @type {ReturnType<typeof voltagePlot> | null} */
  let plot = null;
  const all = allSites(part, () => shown);
  const description = el("p", { class: "quiet" });
  const onPaper = el("p", { class: "on-paper" });
  const moved = el("p", { class: "quiet" });
  const flatText = el("p", { class: "quiet" });

  const slider = el("input", {
    type: "range",
    min: -shown.lead_in,
    max: 499 - shown.lead_in,
    step: 1,
    "aria-label": "Time after the onset, ms",
    oninput: () => setTime(Number(slider.value)),
  });
  const at = el("output", { class: "time" });
  const play = el("button", { type: "button", class: "play", text: "Play", onclick: () => setPlaying(!state.playing) });
  const speeds = el(
    "select",
    { "aria-label": "Speed", onchange: () => (state.speed = Number(speeds.value)) },
    ...[0.5, 1, 2, 4].map((speed) =>
      el("option", { value: speed, text: `${fixed(speed * FRAMES, 0)} ms per second`, selected: speed === 1 }),
    ),
  );
  const sites = el(
    "select",
    { "aria-label": "Site", onchange: () => setSite(Number(sites.value)) },
    ...part.sites.map((/** @type {any} */ site, /** @type {number} */ index) =>
      el("option", { value: index, text: `${site.name}: ${site.text}` }),
    ),
  );
  const cases = el(
    "select",
    { "aria-label": "Case", onchange: () => setCase(Number(cases.value)) },
    ...part.cases.map((/** @type {any} */ one, /** @type {number} */ index) =>
      el("option", { value: index, text: one.name }),
    ),
  );
  const layers = choice(
    "Layer",
    Object.entries(LAYER_NAMES).map(([value, text]) => ({ value, text })),
    "prediction",
    setLayer,
  );
  const quantities = choice(
    "Quantity",
    [
      { value: "times", text: "Activation" },
      { value: "voltage", text: "Voltage" },
    ],
    "times",
    setQuantity,
  );

  const values = () =>
    state.quantity === "times" ? shown.times[state.layer].sites : shown.voltage[state.layer].map((row) => row[index()]);
  const index = () => Math.max(Math.min(Math.round(state.time) + shown.lead_in, 499), 0);
  const isWave = () => state.quantity === "times" && scale.line && state.time < scale.high;

  /** The colour of a value, that of the bar. @param {number} value */
  function colourOf(value) {
    if (!Number.isFinite(value)) return "rgb(209,214,219)";
    if (isWave() && value > state.time) return "rgb(238,240,242)";
    const below = Math.min(value, scale.high - 0.01 * scale.band); // the greatest value is of the last band
    const banded = scale.band
      ? (Math.floor((below - scale.low) / scale.band + 1e-4) + 0.5) * scale.band + scale.low
      : value;
    const part01 = Math.max(Math.min((banded - scale.low) / (scale.high - scale.low), 1), 0);
    return `rgb(${part.colours[scale.colours][Math.round(255 * part01)].join(",")})`;
  }

  function drawHeart() {
    if (state.quantity === "times") scene?.colour(shown.times[state.layer].surface, isWave() ? state.time : 1e9);
    else if (weights) {
      const now = values();
      weights.forEach((row, point) => {
        let sum = 0;
        for (let site = 0; site < now.length; site++) sum += row[site] * now[site];
        surface[point] = sum;
      });
      scene?.colour(surface, 1e9);
    }
  }

  function drawScale() {
    scale = heartScale(shown, state.quantity, state.layer, part.isochrone);
    scene?.scale(part.colours[scale.colours], scale.low, scale.high, scale.band, scale.line);
    bar.draw(part.colours[scale.colours], scale.low, scale.high, scale.band, scale.text);
    const what = state.quantity === "times" ? "ms" : `mV at the time of the cursor`;
    flatText.textContent = `${LAYER_NAMES[state.layer]}, ${what}. The left ventricle as a bull's eye of the American Heart Association's (AHA) 17 segments, apex in the middle; the right ventricle as a crescent at its left.`;
    drawTime();
  }

  function drawTime() {
    slider.value = state.time;
    at.textContent = `${fixed(state.time)} ms`;
    leads.move(state.time);
    plot?.move(state.time);
    drawHeart();
    if (!state.playing || ++state.frame % 6 === 0) drawValues();
  }

  /** What is read rather than watched: five times a second while the heart plays. */
  function drawValues() {
    const now = values();
    onPaper.textContent = `${part.cases[state.one].name}. ${LAYER_NAMES[state.layer]} at ${at.textContent}.`;
    flat.draw(
      (site) => fixed(now[site]),
      (site) => colourOf(scale.line ? Math.round(now[site]) : now[site]), // that of the number which is shown
      state.site,
    );
    if (shown.voltage.prediction) drawReading();
  }

  function drawReading() {
    const rows = siteRows(part, shown, state.site, index());
    reading.replaceChildren(...rows.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  }

  function drawSite() {
    sites.value = String(state.site);
    scene?.mark(state.site);
    const wall = part.sites[state.site].wall;
    leads.shade(shown.influence?.slice(part.lead_names.length * wall, part.lead_names.length * (wall + 1)) ?? []);
    const what = shown.voltage.prediction ? "raises the voltage of" : "delays";
    moved.textContent = shown.influence
      ? `Red marks what ${what} the wall of the site (${part.walls[wall]}), blue the opposite, as the network judges: integrated gradients against a flat line.`
      : "";
    drawReading();
    const end = heartScale(shown, "times", "prediction", part.isochrone).high;
    const beats = shown.beats ? Array.from(shown.beats[state.site]) : [];
    const known = (/** @type {string} */ layer) => shown.times[layer]?.sites[state.site] ?? null;
    line.replaceChildren(
      timeLine(
        {
          prediction: known("prediction") ?? NaN,
          halfWidth: shown.halfWidth?.[state.site] ?? null,
          spread: known("spread"),
          truth: known("true"),
          beats,
        },
        end,
      ),
    );
    if (shown.voltage.prediction)
      plot?.draw(
        shown.voltage.prediction[state.site],
        shown.voltage.spread?.[state.site] ?? null,
        shown.voltage.true?.[state.site] ?? null,
      );
  }

  /** @param {number} site */
  function setSite(site) {
    state.site = (site + part.sites.length) % part.sites.length;
    drawSite();
    drawTime();
  }

  /** @param {number} time */
  function setTime(time) {
    state.time = Math.max(Math.min(time, 499 - shown.lead_in), -shown.lead_in);
    drawTime();
  }

  /** @param {string} layer */
  function setLayer(layer) {
    if (!shown[/** @type {"times" | "voltage"} */ (state.quantity)][layer]) layer = "prediction";
    state.layer = layer;
    layers.set(layer);
    drawScale();
  }

  /** @param {string} quantity */
  function setQuantity(quantity) {
    if (quantity === "voltage" && !shown.voltage.prediction) return;
    state.quantity = quantity;
    quantities.set(quantity);
    for (const button of layers.group.children)
      button.hidden = !(/** @type {any} */ (shown)[quantity][button.dataset.value]);
    setLayer(state.layer);
  }

  /** @param {boolean} playing */
  function setPlaying(playing) {
    if (playing === state.playing) return;
    state.playing = playing;
    play.textContent = playing ? "Pause" : "Play";
    scene?.play(playing);
    if (!playing) return drawValues();
    const last = () => (state.quantity === "times" ? scale.high : 499 - shown.lead_in);
    if (state.time >= last()) setTime(state.quantity === "times" ? 0 : -shown.lead_in);
    let before = performance.now();
    let usual = 1 / FRAMES;
    const step = (/** @type {number} */ now) => {
      if (!state.playing) return;
      const frames = Math.floor(((now - before) * FRAMES) / 1000 + 0.01);
      if (frames > 0) {
        usual = 0.8 * usual + 0.2 * Math.min((now - before) / 1000, 0.2);
        if (++state.shown % 4 === 0) scene?.play(true, usual);
        before += (frames * 1000) / FRAMES;
        setTime(Math.min(state.time + state.speed * frames, last()));
        if (state.time >= last()) setPlaying(false);
      }
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  let asked = 0;

  /** @param {number} one */
  async function setCase(one) {
    const own = ++asked;
    setPlaying(false);
    state.one = one;
    cases.value = String(one);
    const found = await heartCase(part.cases[one]);
    if (own !== asked) return;
    shown = found;
    drawCase();
  }

  function drawCase() {
    description.textContent = shown.text.join(" ");
    all.open = false;
    quantities.group.hidden = plotBox.hidden = !shown.voltage.prediction;
    leads.draw(shown.leads, shown.explained);
    explained.textContent = shown.explained
      ? `Blue: what a generic heart with this prediction gives, after one gain for all leads. It explains ${fixed(100 * shown.share)} % of the variance of the leads.`
      : "";
    drawSite();
    setQuantity(shown.voltage.prediction ? state.quantity : "times");
    setTime(heartScale(shown, "times", "prediction", part.isochrone).high);
  }

  const heart = pane(
    "The heart",
    "Drag to turn it. Click, or press [ and ], to choose a site. The dots are the 75 sites whose values are known; between them values are interpolated.",
    el("div", { class: "tools" }, quantities.group, layers.group),
    onPaper,
    scene
      ? scene.box
      : el("p", {
          class: "warning",
          text: "The turning heart needs WebGL, which this browser does not have. The flat map below shows the same values.",
        }),
    bar.bar,
    el("div", { class: "tools time-bar" }, play, slider, at, speeds),
  );
  const words = ["The line is the prediction"];
  if (part.cases.some((/** @type {any} */ one) => one.half_width))
    words.push("the bar is its interval, without an end mark where it goes beyond the axis");
  if (part.cases.some((/** @type {any} */ one) => one.times.spread))
    words.push(`the band is its standard deviation, and dots are the single ${part.spread_of}`);
  if (part.cases.some((/** @type {any} */ one) => one.times.true)) words.push("a triangle is the truth");
  const siteText = `${words.join("; ")}.`;
  const box = el(
    "div",
    { class: "heart-part" },
    ...part.remarks.map((/** @type {string} */ remark) =>
      el("p", { class: remark.startsWith("Warning") ? "warning" : "quiet", text: remark }),
    ),
    el("div", { class: "tools" }, el("label", { hidden: part.cases.length < 2 }, "Case ", cases)),
    description,
    el(
      "div",
      { class: "columns" },
      heart,
      el(
        "div",
        {},
        pane(
          "Twelve leads",
          "The electrocardiogram (ECG) that the network read. The line is the time of the heart; click to move it.",
          leads.box,
          moved,
          explained,
        ),
        pane("The site", siteText, el("label", {}, "Site ", sites), reading, line, plotBox),
      ),
    ),
    pane("Flat map", "", flatText, flat.box),
    all,
  );
  onKeys([" "], "play or pause", () => setPlaying(!state.playing));
  onKeys(["ArrowLeft", "ArrowRight"], "1 ms back or on", (event) =>
    setTime(Math.round(state.time) + (event.key === "ArrowLeft" ? -1 : 1)),
  );
  onKeys(["Shift+ArrowLeft", "Shift+ArrowRight"], "10 ms back or on", (event) =>
    setTime(Math.round(state.time) + (event.key === "ArrowLeft" ? -10 : 10)),
  );
  onKeys([",", "."], "slower or faster", (event) => {
    speeds.selectedIndex = Math.max(Math.min(speeds.selectedIndex + (event.key === "." ? 1 : -1), 3), 0);
    state.speed = Number(speeds.value);
  });
  onKeys(["Home", "End"], "first or last time", (event) => setTime(event.key === "Home" ? -499 : 499));
  onKeys(["a", "d"], "turn to the left or right", (event) => scene?.turn(event.key === "a" ? -10 : 10, 0));
  onKeys(["w", "s"], "turn up or down", (event) => scene?.turn(0, event.key === "w" ? -10 : 10));
  onKeys(["+", "-"], "nearer or farther", (event) => scene?.zoom(event.key === "+" ? 1.2 : 1 / 1.2));
  onKeys(["0"], "the first view", () => scene?.reset());
  onKeys(["[", "]"], "the site before or after", (event) => setSite(state.site + (event.key === "[" ? -1 : 1)));
  onKeys(["1", "2", "3", "4"], "prediction, truth, error, uncertainty", (event) =>
    setLayer(["prediction", "true", "error", "spread"][Number(event.key) - 1]),
  );
  if (weights)
    onKeys(["v"], "activation or voltage", () => setQuantity(state.quantity === "times" ? "voltage" : "times"));
  if (part.cases.length > 1)
    onKeys(["j", "k"], "the next case or the one before", (event) =>
      setCase((state.one + (event.key === "j" ? 1 : part.cases.length - 1)) % part.cases.length),
    );

  const hasVoltage = (/** @type {string} */ layer) => part.cases.some((/** @type {any} */ one) => one.voltage[layer]);
  const show = () => {
    if (weights) plot = voltagePlot(plotBox, shown.lead_in, hasVoltage("true"), hasVoltage("spread"), setTime);
    drawCase();
  };
  return { box, show };
}
