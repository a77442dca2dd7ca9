// @ts-check
// The heart laid flat: the bull's eye of the 17 segments of the left ventricle (AHA), and the right ventricle beside it.

const RADIUS = 46;

/** Angle of the middle of each segment, degrees from the lateral wall towards the anterior one, and its two radii. */
const SEGMENTS = [
  ...[90, 150, 210, 270, 330, 30].map((angle) => ({ angle, span: 60, inner: 0.75, outer: 1 })),
  ...[90, 150, 210, 270, 330, 30].map((angle) => ({ angle, span: 60, inner: 0.5, outer: 0.75 })),
  ...[90, 180, 270, 0].map((angle) => ({ angle, span: 90, inner: 0.25, outer: 0.5 })),
  { angle: 0, span: 360, inner: 0, outer: 0.25 },
];

/** The same of the sites of the right free wall by their number: the base outside, from anterior to inferior. */
const RIGHT_WALL = /** @type {{[number: number]: {angle: number, span: number, inner: number, outer: number}}} */ ({
  1: { angle: 130, span: 48, inner: 1.58, outer: 1.82 },
  2: { angle: 180, span: 48, inner: 1.58, outer: 1.82 },
  3: { angle: 230, span: 48, inner: 1.58, outer: 1.82 },
  6: { angle: 130, span: 48, inner: 1.33, outer: 1.57 },
  7: { angle: 180, span: 48, inner: 1.33, outer: 1.57 },
  8: { angle: 230, span: 48, inner: 1.33, outer: 1.57 },
  11: { angle: 155, span: 48, inner: 1.08, outer: 1.32 },
  12: { angle: 205, span: 48, inner: 1.08, outer: 1.32 },
});

/** Layers of the wall from inside to outside, with the layers of the sites that each shows. */
const WALLS = [
  { name: "Inside (endocardium)", layers: ["endocardium"] },
  { name: "Middle of the wall", layers: ["mid-wall"] },
  { name: "Outside (epicardium)", layers: ["epicardium", "right side of the septum"] },
];

/**
 * @param {{layer: string, segment: number | null, right: number | null, text: string}[]} sites
 * @param {(site: number) => void} choose
 */
function bullsEye(sites, choose) {
  /** @type {{site: number, area: any, label: any, shown: string}[]} */
  const cells = [];
  const maps = WALLS.map(({ name, layers }) => {
    const picture = svg("svg", {
      viewBox: "-90 -88 142 176",
      role: "img",
      "aria-label": `${name}: value at each site`,
    });
    sites.forEach((site, index) => {
      if (!layers.includes(site.layer)) return;
      const cell = site.segment ? SEGMENTS[site.segment - 1] : RIGHT_WALL[site.right ?? 0];
      const area = svg("path", { d: ring(cell), class: "cell" }, svg("title", { text: site.text }));
      const middle = cell.inner ? (RADIUS * (cell.inner + cell.outer)) / 2 : 0;
      const around = (cell.angle * Math.PI) / 180;
      const label = svg("text", {
        x: middle * Math.cos(around),
        y: 2.6 - middle * Math.sin(around),
        class: "cell-value",
      });
      area.addEventListener("click", () => choose(index));
      cells.push({ site: index, area, label, shown: "" });
      picture.append(area, label);
    });
    picture.append(
      svg("text", { x: 0, y: -50, class: "side", text: "anterior" }),
      svg("text", { x: 0, y: 54, class: "side", text: "inferior" }),
    );
    picture.append(svg("text", { x: -67, y: -79, class: "side", text: "right ventricle" }));
    return el("figure", {}, picture, el("figcaption", { text: name }));
  });
  /**
   * @param {(site: number) => string} text
   * @param {(site: number) => string} colour
   * @param {number} selected
   */
  function draw(text, colour, selected) {
    for (const cell of cells) {
      const shown = [colour(cell.site), text(cell.site), String(cell.site === selected)];
      if (shown.join() === cell.shown) continue;
      cell.shown = shown.join();
      cell.area.setAttribute("fill", shown[0]);
      cell.area.setAttribute("class", cell.site === selected ? "cell chosen" : "cell");
      cell.label.textContent = shown[1];
      cell.label.setAttribute("class", shown[1].length > 2 ? "cell-value long" : "cell-value");
      cell.label.setAttribute("fill", isDark(shown[0]) ? "#fff" : "#111");
    }
  }
  return { box: el("div", { class: "bulls-eyes" }, ...maps), draw };
}

/** @param {{angle: number, span: number, inner: number, outer: number}} cell */
function ring({ angle, span, inner, outer }) {
  const [r, s] = [RADIUS * inner, RADIUS * outer];
  if (span === 360) return `M${s} 0A${s} ${s} 0 1 0 ${-s} 0A${s} ${s} 0 1 0 ${s} 0Z`;
  const at = (/** @type {number} */ radius, /** @type {number} */ degrees) => {
    const around = (degrees * Math.PI) / 180;
    return `${(radius * Math.cos(around)).toFixed(2)} ${(-radius * Math.sin(around)).toFixed(2)}`;
  };
  const [from, to] = [angle - span / 2, angle + span / 2];
  return `M${at(r, from)}L${at(s, from)}A${s} ${s} 0 0 0 ${at(s, to)}L${at(r, to)}A${r} ${r} 0 0 1 ${at(r, from)}Z`;
}

/** True if white text reads better on a colour `rgb(r,g,b)`. @param {string} colour */
function isDark(colour) {
  const [red, green, blue] = (colour.match(/\d+/g) ?? ["255", "255", "255"]).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 140;
}
