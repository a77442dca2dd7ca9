// Tests of the page's script, of what needs no page. `node --test FILE`, and pytest through test_script.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const folder = new URL("../../../launch/page/script/", import.meta.url);
const context = vm.createContext({ atob, Blob, DecompressionStream, Response, Uint8Array, console, addEventListener() {}, innerWidth: 1400 });
for (const name of ["shared/base", "shared/plots", "shared/ecg_paper", "heart/bulls_eye", "heart/heart_site", "heart/heart_values", "rhythm/holter_strip"])
  vm.runInContext(readFileSync(new URL(`${name}.js`, folder), "utf8"), context);
const run = (/** @type {string} */ text) => vm.runInContext(text, context);

test("numbers are written as in print", () => {
  assert.equal(run("fixed(-3.14159, 2)"), "−3.14");
  assert.equal(run("fixed(-0.001, 1)"), "0.0");
  assert.equal(run("fixed(null)"), "–");
  assert.equal(run("fixed(NaN, 3)"), "–");
  assert.equal(run("whole(1234567.2)"), "1,234,567");
  assert.equal(run("whole(999)"), "999");
});

test("times are written as on a clock", () => {
  assert.equal(run("clock(3725)"), "1:02:05");
  assert.equal(run("clock(59.96, 1)"), "0:00:59.9");
  assert.equal(run("clock(0.12, 2)"), "0:00:00.12");
  assert.equal(run("clock(-5)"), "0:00:00");
});

test("axes end at round numbers", () => {
  for (const [value, expected] of [[0.7, 1], [1, 1], [1.1, 2], [2.2, 2.5], [3, 5], [51, 100], [100, 100]]) assert.equal(run(`round125(${value})`), expected);
});

test("the nearest of increasing values is found", () => {
  run("var times = Float64Array.from([1, 2, 4, 8])");
  assert.deepEqual([0, 1, 1.4, 3.1, 7, 99].map((value) => run(`nearest(times, ${value})`)), [0, 0, 0, 2, 3, 3]);
  assert.deepEqual([0.5, 1, 3, 8].map((value) => run(`lastAtMost(times, ${value})`)), [-1, 0, 1, 3]);
});

test("an array of packed.py is read", async () => {
  // 1, −2, NaN, 32767 in steps of 0.5: folded changes 2, 5, 65531 and 65535 (they wrap around), low bytes first.
  const units = [1, -2, -32768, 32767];
  const folded = units.map((unit, index) => {
    const change = ((unit - (index ? units[index - 1] : 0)) << 16) >> 16;
    return ((change << 1) ^ (change >> 15)) & 0xffff;
  });
  const { deflateRawSync } = await import("node:zlib");
  const planes = Buffer.from([...folded.map((one) => one & 255), ...folded.map((one) => one >> 8)]);
  context.one = { shape: [4], step: 0.5, bytes: 2, deflate: deflateRawSync(planes).toString("base64") };
  assert.deepEqual(Array.from((await run("unpack(one)")).values), [0.5, -1, NaN, 16383.5]);
});

test("a trace has a gap where a sample is not known", () => {
  assert.equal(run("trace([0, 1, NaN, 2], 10, 2, 50, 10)"), "M10.00 50.00L12.00 40.00M16.00 30.00");
});

test("the colours of the flat map have text that reads", () => {
  assert.equal(run('isDark("rgb(10,10,60)")'), true);
  assert.equal(run('isDark("rgb(240,230,30)")'), false);
});

test("a ring of the bull's eye begins and ends at its angles", () => {
  // Anterior, 90 degrees, is above: y is negative. 46 is the radius of the whole.
  const [x, y] = run("ring({ angle: 90, span: 0, inner: 0.5, outer: 1 })").match(/-?[\d.]+/g).map(Number);
  assert.ok(Math.abs(x) < 0.01 && Math.abs(y + 23) < 0.01);
});

test("the scale of times ends at an isochrone, that of errors is even", () => {
  run("var shown = { times: { prediction: { sites: [3, 61] }, true: { sites: [5, 58] }, error: { sites: [-2, 3] } } }");
  const scale = run('heartScale(shown, "times", "prediction", 10)');
  assert.deepEqual([scale.low, scale.high, scale.band, scale.line], [0, 70, 10, true]);
  const error = run('heartScale(shown, "times", "error", 10)');
  assert.deepEqual([error.low, error.high], [-5, 5]);
});

test("the bar of an interval has an end mark at each bound that is on the axis", () => {
  run("var x = (time) => Math.max(0, Math.min(time, 60))");
  assert.equal(run("whisker(x, 10, 50, 60)"), "M10 29H50M10 25v8M50 25v8");
  assert.equal(run("whisker(x, -9.7, 57, 60)"), "M0 29H57M57 25v8");
  assert.equal(run("whisker(x, 5, 70, 60)"), "M5 29H60M5 25v8");
});

test("a beat is told in words", () => {
  run('var part = { classes: [{ name: "N", meaning: "normal" }, { name: "V", meaning: "ventricular" }], leads: [{ start: 0, name: "II" }, { start: 60, name: "V1" }] }');
  run('var beats = { times: [1, 2.5], rr: [NaN, 1.5], classes: [0, 1], probabilities: [[1, 0.1], [0, 0.9]], flags: ["", "V1_unreadable"], flag: [0, 1] }');
  assert.equal(run("beatText(part, beats, 0)"), "Beat 1 at 0:00:01.00: N, normal. Probabilities: N 100 %, V 0 %.");
  assert.equal(run("beatText(part, beats, 1)"), "Beat 2 at 0:00:02.50: V, ventricular, 1500 ms after the beat before (RR interval). Probabilities: N 10 %, V 90 %. Doubtful: V1 unreadable.");
  run('beats.flags = ["", "uncertain V1_unreadable"]');
  assert.equal(run("[0, 1].map((beat) => beatName(part, beats, beat)).join()"), "N,V?");
  assert.equal(run("leadAt(part, 59)"), "II");
  assert.equal(run("leadAt(part, 60)"), "V1");
});
