// @ts-check
// The values of the heart that is shown: a case of the data, and the scale of its layers.

/** @type {{[layer: string]: string}} */
const LAYER_NAMES = { prediction: "Prediction", true: "Truth", error: "Error", spread: "Uncertainty" };

/**
 * Unpack a case.
 * @param {any} one
 */
async function heartCase(one) {
  /** @type {{[layer: string]: {sites: Float64Array, surface: Float64Array}}} */
  const times = {};
  for (const [layer, values] of Object.entries(one.times))
    times[layer] = { sites: (await unpack(values.sites)).values, surface: (await unpack(values.surface)).values };
  /** @type {{[layer: string]: Float64Array[]}} */
  const voltage = {};
  for (const [layer, values] of Object.entries(one.voltage))
    voltage[layer] = await unpackRows(/** @type {Packed} */ (values));
  if (voltage.true && voltage.prediction)
    voltage.error = voltage.prediction.map((row, site) => row.map((value, index) => value - voltage.true[site][index]));
  const beats = one.beats ? await unpackRows(one.beats) : null;
  return {
    text: one.text,
    lead_in: one.lead_in,
    leads: await unpackRows(one.leads),
    explained: one.explained ? await unpackRows(one.explained) : null,
    share: one.share,
    times,
    voltage,
    beats,
    influence: one.influence ? await unpackRows(one.influence) : null,
    halfWidth: one.half_width ? (await unpack(one.half_width)).values : null,
  };
}

/**
 * The scale of a layer: its colours, range and bands.
 * @param {any} shown a case of `heartCase`
 * @param {string} quantity times or voltage
 * @param {string} layer
 * @param {number} isochrone ms
 */
function heartScale(shown, quantity, layer, isochrone) {
  const signed = layer === "error";
  const unit = quantity === "times" ? "ms" : "mV";
  if (signed || layer === "spread") {
    const all =
      quantity === "times"
        ? shown.times[layer].sites
        : shown.voltage[layer].flatMap((/** @type {Float64Array} */ row) => range(row) ?? []);
    const high = round125(Math.max(...(range(Array.from(all, Math.abs)) ?? [1]), 1));
    const text = signed ? `prediction − truth (${unit})` : `standard deviation of the prediction (${unit})`;
    return {
      colours: signed ? "difference" : "spread",
      low: signed ? -high : 0,
      high,
      band: high / 5,
      line: false,
      text,
    };
  }
  if (quantity === "voltage")
    return {
      colours: "voltage",
      low: -90,
      high: 40,
      band: 0,
      line: false,
      text: "voltage of the cells (transmembrane voltage, mV)",
    };
  const found = ["prediction", "true"].flatMap((name) => range(shown.times[name]?.sites ?? []) ?? []);
  const low = Math.min(0, isochrone * Math.floor(Math.min(...found, 0) / isochrone));
  const high = Math.max(isochrone * Math.ceil(Math.max(...found, isochrone) / isochrone), isochrone);
  return {
    colours: "time",
    low,
    high,
    band: isochrone,
    line: true,
    text: `activation time (ms after the onset); a line, called isochrone, each ${isochrone} ms`,
  };
}
