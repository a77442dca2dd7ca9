// @ts-check
// The heart in three dimensions: one view that turns, and two that are held still.

const VERTEX = `
attribute float value;
varying float shown;
varying vec3 towards;
void main() {
  shown = value;
  towards = normalize(normalMatrix * normal);
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

// A band has one colour, that of the bar; only the rim is darker, where the wall turns away from the eye.
const FRAGMENT = `
uniform sampler2D colours;
uniform float low, high, band, now, line;
varying float shown;
varying vec3 towards;
void main() {
  if (shown < -1e8) { gl_FragColor = vec4(0.82, 0.84, 0.86, 1.0); return; }
  float value = band > 0.0 ? (floor((min(shown, high - 0.01 * band) - low) / band + 1e-4) + 0.5) * band + low : shown;
  vec3 colour = texture2D(colours, vec2(clamp((value - low) / (high - low), 0.002, 0.998), 0.5)).rgb;
  if (line > 0.0) {
    float phase = (shown - low) / band;
    float apart = abs(fract(phase - 0.5) - 0.5) / max(fwidth(phase), 1e-5);
    colour = mix(vec3(0.08), colour, smoothstep(0.35, 1.1, apart));
  }
  if (shown > now) colour = vec3(0.93, 0.94, 0.95);
  else if (now - shown < 3.0 && now < 1e6) colour = vec3(0.86, 0.12, 0.35);
  float facing = abs(normalize(towards).z);
  gl_FragColor = vec4(colour * mix(0.62, 1.0, smoothstep(0.02, 0.34, facing)), 1.0);
}`;

// A site is a disc of some pixels, 1 mm nearer to the eye, so that the wall in which it lies does not hide it.
const SITE_VERTEX = `
attribute float size;
uniform float pixel;
varying float chosen;
void main() {
  chosen = size > 6.0 ? 1.0 : 0.0;
  gl_PointSize = size * pixel;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  gl_Position.z -= 0.0022;
}`;

const SITE_FRAGMENT = `
varying float chosen;
void main() {
  float apart = 2.0 * length(gl_PointCoord - 0.5);
  if (apart > 1.0) discard;
  gl_FragColor = vec4(vec3(chosen > 0.5 && apart < 0.75 ? 1.0 : 0.07), 1.0);
}`;

/**
 * Build the scene.
 * @param {Part} part of `heart_part.py`
 * @param {Float64Array[]} points x, y and z, mm, of each point
 * @param {Float64Array[]} corners the three points of each triangle
 * @param {(site: number) => void} choose called with the site nearest to where the heart was clicked
 * @param {"fast" | "slow"} drawn by what, see `whatDraws`
 */
function heartScene(part, points, corners, choose, drawn) {
  const canvas = el("canvas", {
    class: "heart",
    tabindex: 0,
    "aria-label": "The heart. Drag, or press W, A, S, D, to turn it.",
  });
  const names = part.names.map((/** @type {any} */ one) => el("span", { class: "name", text: one.name }));
  const views = part.views.map((/** @type {any} */ one) => el("span", { class: "view", text: one.name }));
  const box = el("div", { class: "stage" }, canvas, ...views, ...names);
  // Kept for print, and because the still views are drawn less often while the heart plays.
  const renderer = new THREE.WebGLRenderer({
    canvas,
    antialias: drawn === "fast",
    alpha: false,
    preserveDrawingBuffer: true,
  });
  renderer.autoClear = false;
  renderer.setClearColor(0xffffff);

  // The heart's axes are those of a patient seen from the front, left-handed: x is turned around for the screen.
  const count = points[0].length;
  const position = new Float32Array(3 * count);
  for (let index = 0; index < count; index++)
    position.set([-points[0][index], points[1][index], points[2][index]], 3 * index);
  const values = new THREE.BufferAttribute(new Float32Array(count), 1);
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(position, 3));
  geometry.setAttribute("value", values);
  const faces = new Uint32Array(3 * corners[0].length);
  corners[0].forEach((first, index) => faces.set([first, corners[2][index], corners[1][index]], 3 * index));
  geometry.setIndex(new THREE.BufferAttribute(faces, 1));
  geometry.computeVertexNormals();
  const uniforms = {
    colours: { value: /** @type {any} */ (null) },
    low: { value: 0 },
    high: { value: 1 },
    band: { value: 0 },
    now: { value: 1e9 },
    line: { value: 0 },
  };
  const wall = new THREE.Mesh(
    geometry,
    new THREE.ShaderMaterial({ uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT }),
  );

  const at = part.sites.map((/** @type {any} */ site) => new THREE.Vector3(-site.at[0], site.at[1], site.at[2]));
  const sizes = new THREE.BufferAttribute(new Float32Array(at.length), 1);
  const pixel = { value: 1 };
  const marks = new THREE.Points(
    new THREE.BufferGeometry().setFromPoints(at).setAttribute("size", sizes),
    new THREE.ShaderMaterial({ uniforms: { pixel }, vertexShader: SITE_VERTEX, fragmentShader: SITE_FRAGMENT }),
  );
  const scene = new THREE.Scene();
  scene.add(wall, marks);

  const extent = points.map((axis) => range(axis) ?? [0, 1]);
  const [middle, half] = [0, 1].map((sign) => extent.map(([low, high]) => (sign ? high - low : high + low) / 2));
  const centre = new THREE.Vector3(-middle[0], middle[1], middle[2]);
  const reach = Math.max(...half) * 1.12;
  const camera = new THREE.OrthographicCamera();
  const free = { azimuth: part.views[0].azimuth, elevation: 20, zoom: 1 };
  /** @type {{x: number, y: number, width: number, height: number}[]} */
  let windows = [];
  let waiting = false;
  let frame = 0;
  let named = ""; // the view in which the names stand
  let fineness = 1;
  let playing = false;

  /** @param {number} azimuth degrees @param {number} elevation degrees @param {number} zoom @param {{width: number, height: number}} window */
  function look(azimuth, elevation, zoom, window) {
    const [around, up] = [(azimuth * Math.PI) / 180, (elevation * Math.PI) / 180];
    const towards = new THREE.Vector3(-Math.cos(up) * Math.cos(around), Math.cos(up) * Math.sin(around), Math.sin(up));
    camera.position.copy(centre).addScaledVector(towards, 400);
    camera.up.set(0, 0, 1);
    camera.lookAt(centre);
    const half = reach / zoom;
    const aspect = window.width / window.height;
    const [x, y] = aspect > 1 ? [half * aspect, half] : [half, half / aspect];
    Object.assign(camera, { left: -x, right: x, top: y, bottom: -y, near: 1, far: 900 });
    camera.updateProjectionMatrix();
    camera.updateMatrixWorld();
    return towards;
  }

  /** Place the three views: the still ones at the right, or below where the box is narrow. */
  function arrange() {
    const width = Math.max(box.clientWidth, 200);
    const beside = width > 520;
    const small = beside ? Math.round(width * 0.27) : Math.round(width / 2);
    const height = beside ? Math.round(width * 0.66) : Math.round(width * 1.45);
    const large = { x: 0, y: 0, width: beside ? width - small : width, height: beside ? height : height - small };
    windows = [
      large,
      ...[0, 1].map((index) =>
        beside
          ? { x: width - small, y: (index * height) / 2, width: small, height: height / 2 }
          : { x: index * small, y: height - small, width: small, height: small },
      ),
    ];
    pixel.value = Math.min(devicePixelRatio || 1, 2) * fineness;
    renderer.setPixelRatio(pixel.value);
    renderer.setSize(width, height, false);
    canvas.style.height = `${height}px`;
    box.style.setProperty("--on-paper", `${width}px`);
    views.forEach((/** @type {HTMLElement} */ view, /** @type {number} */ index) =>
      place(view, windows[index + 1].x + 8, windows[index + 1].y + windows[index + 1].height - 24),
    );
    draw();
  }

  /** @param {HTMLElement} element @param {number} x @param {number} y */
  function place(element, x, y) {
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }

  function drawNow() {
    waiting = false;
    if (!windows.length) return;
    const height = renderer.domElement.height / renderer.getPixelRatio();
    renderer.setScissorTest(true);
    frame++;
    windows.forEach((window, index) => {
      if (index && playing && frame % 3 !== index) return;
      const still = index ? part.views[index - 1] : null;
      const towards = still
        ? look(still.azimuth, 20, 1, window)
        : look(free.azimuth, free.elevation, free.zoom, window);
      const bottom = height - window.y - window.height;
      renderer.setViewport(window.x, bottom, window.width, window.height);
      renderer.setScissor(window.x, bottom, window.width, window.height);
      renderer.clear();
      renderer.render(scene, camera);
      const view = [free.azimuth, free.elevation, free.zoom, window.width].join();
      if (still || view === named) return; // reading the width of a name arranges the whole page
      named = view;
      nameParts(towards, window);
    });
  }

  /** Write the names of the heart's parts beside the free view, those on the side of the eye. */
  function nameParts(
    /** @type {any} */ towards,
    /** @type {{x: number, y: number, width: number, height: number}} */ window,
  ) {
    part.names.forEach((/** @type {any} */ one, /** @type {number} */ index) => {
      const point = new THREE.Vector3(-one.at[0], one.at[1], one.at[2]);
      const hidden = point.clone().setZ(0).dot(towards) < -8 && one.name !== "apex";
      point.project(camera);
      names[index].hidden = hidden || free.zoom > 2;
      const half = names[index].offsetWidth / 2;
      const x = Math.max(Math.min(window.x + ((point.x + 1) / 2) * window.width, window.width - half - 4), half + 4);
      place(names[index], x - half, window.y + ((1 - point.y) / 2) * window.height - 9);
    });
  }

  function draw() {
    if (!waiting) requestAnimationFrame(drawNow);
    waiting = true;
  }

  /** @param {number} right degrees @param {number} up degrees */
  function turn(right, up) {
    free.azimuth += right;
    free.elevation = Math.max(Math.min(free.elevation + up, 89), -89);
    draw();
  }

  /** @param {number} factor */
  function zoom(factor) {
    free.zoom = Math.max(Math.min(free.zoom * factor, 5), 0.6);
    draw();
  }

  /**
   * Draw less finely while the heart plays if this machine is too slow for it, and finely again when it stops.
   * @param {boolean} plays
   * @param {number} [seconds] from one frame to the next
   */
  function play(plays, seconds = 0) {
    playing = plays;
    const wanted = !plays ? 1 : seconds > 0.045 ? Math.max(fineness * 0.75, 0.4) : fineness;
    if (wanted === fineness) return plays ? undefined : draw();
    fineness = wanted;
    arrange();
  }

  function reset() {
    Object.assign(free, { azimuth: part.views[0].azimuth, elevation: 20, zoom: 1 });
    draw();
  }

  /** Choose the site nearest to the point of the heart under the pointer. */
  function pick(/** @type {PointerEvent} */ event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const index = windows.findIndex(
      (one) => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + one.height,
    );
    if (index < 0) return;
    const still = index ? part.views[index - 1] : free;
    look(still.azimuth, index ? 20 : free.elevation, index ? 1 : free.zoom, windows[index]);
    const window = windows[index];
    const ray = new THREE.Raycaster();
    ray.setFromCamera(
      new THREE.Vector2((2 * (x - window.x)) / window.width - 1, 1 - (2 * (y - window.y)) / window.height),
      camera,
    );
    const [hit] = ray.intersectObject(wall);
    if (!hit) return;
    const apart = at.map((/** @type {any} */ one) => one.distanceTo(hit.point));
    choose(apart.indexOf(Math.min(...apart)));
  }

  listenToPointers(canvas, turn, zoom, pick);
  new ResizeObserver(arrange).observe(box);

  /** @param {number} selected */
  function mark(selected) {
    sizes.array.fill(5).fill(12, selected, selected + 1);
    sizes.needsUpdate = true;
    draw();
  }

  /**
   * Set the colours, the range of values and their bands; `line` draws a line between bands.
   * @param {number[][]} colours @param {number} low @param {number} high @param {number} band @param {boolean} line
   */
  function scale(colours, low, high, band, line) {
    const texels = Uint8Array.from(colours.flatMap((colour) => [...colour, 255]));
    uniforms.colours.value?.dispose();
    uniforms.colours.value = new THREE.DataTexture(texels, colours.length, 1);
    uniforms.colours.value.needsUpdate = true;
    [uniforms.low.value, uniforms.high.value, uniforms.band.value, uniforms.line.value] = [
      low,
      high,
      band,
      line ? 1 : 0,
    ];
    draw();
  }

  /** @param {ArrayLike<number>} shown the value at each point, NaN where there is none @param {number} now ms; later points are pale */
  function colour(shown, now) {
    for (let index = 0; index < count; index++)
      values.array[index] = Number.isFinite(shown[index]) ? shown[index] : -1e9;
    values.needsUpdate = true;
    uniforms.now.value = now;
    draw();
  }

  return {
    box,
    turn,
    zoom,
    reset,
    play,
    mark,
    scale,
    colour,
  };
}
