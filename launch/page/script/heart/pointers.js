// @ts-check
// How a pointer, or two, turn the heart, and what draws it.

/**
 * Turn with one pointer, zoom with two, and tell a click from a turn.
 * @param {HTMLElement} canvas
 * @param {(right: number, up: number) => void} turn
 * @param {(factor: number) => void} zoom
 * @param {(event: PointerEvent) => void} pick
 */
function listenToPointers(canvas, turn, zoom, pick) {
  /** @type {Map<number, PointerEvent>} */
  const down = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!down.size) moved = 0;
    down.set(event.pointerId, event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const [right, up] = [event.clientX - before.clientX, event.clientY - before.clientY];
    moved += Math.abs(right) + Math.abs(up);
    if (down.size === 1 && moved > 4) turn(right * 0.5, up * 0.5);
    if (down.size === 2) {
      const [other] = [...down.values()].filter((one) => one.pointerId !== event.pointerId);
      const apart = (/** @type {PointerEvent} */ one) =>
        Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoom(apart(event) / Math.max(apart(before), 1));
    }
    down.set(event.pointerId, event);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (down.size === 1 && moved <= 4) pick(event);
    down.delete(event.pointerId);
  });
  canvas.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 400));
    },
    { passive: false },
  );
}

/**
 * What draws in this browser: a graphics processor (fast), the computer's own (slow), or nothing (none).
 * @returns {"fast" | "slow" | "none"}
 */
function whatDraws() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return "none";
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(name) ? "slow" : "fast";
}
