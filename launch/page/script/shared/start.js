// @ts-check
// Reads the data of the page and draws its parts, one at a time.

/** @type {{[kind: string]: (part: Part, onKeys: OnKeys) => Promise<{box: HTMLElement, show?: () => void}>}} */
const DRAWN = {
  heart: (part, onKeys) => heartPart(part, onKeys),
  rhythm: (part, onKeys) => rhythmPart(part, onKeys),
  run: (part, onKeys) => runPart(part, onKeys),
  comparison: (part) => comparisonPart(part),
};

async function start() {
  const data = JSON.parse(document.getElementById("data")?.textContent ?? "{}");
  const main = el("main", {});
  const tabs = el("nav", { "aria-label": "Parts", hidden: data.parts.length < 2 });
  const remark = el("p", { class: "research", text: `${data.disclaimer}.` });
  document.body.append(
    el("header", {}, el("div", {}, el("h1", { text: data.title }), remark), startKeys()),
    tabs,
    main,
    footer(data),
  );
  /** @type {Map<number, HTMLElement>} */
  const boxes = new Map();
  const buttons = data.parts.map((/** @type {Part} */ part, /** @type {number} */ index) =>
    el("button", { type: "button", text: part.title, onclick: () => open(index) }),
  );
  tabs.append(...buttons);

  /** @param {number} index */
  async function open(index) {
    SHOWN.part = index;
    buttons.forEach((/** @type {HTMLElement} */ button, /** @type {number} */ one) =>
      button.setAttribute("aria-pressed", String(one === index)),
    );
    for (const [one, box] of boxes) box.hidden = one !== index;
    if (boxes.has(index)) return;
    const part = data.parts[index];
    const box = el("article", { class: part.kind }, el("h2", { text: part.title, hidden: data.parts.length < 2 }));
    boxes.set(index, box);
    main.append(box);
    try {
      const { box: drawn, show } = await DRAWN[part.kind](part, keysOf(index));
      box.append(drawn);
      show?.();
    } catch (error) {
      const text = `This part cannot be shown (${error}). It needs a browser of 2023 or later.`;
      box.append(el("p", { class: "warning", text }));
      throw error;
    }
    document.documentElement.dataset.ready = String(index);
  }

  if (data.parts.length > 1)
    keysOf(-1)(["<", ">"], "the part before or after", (event) =>
      open((SHOWN.part + (event.key === ">" ? 1 : data.parts.length - 1)) % data.parts.length),
    );
  await open(0);
}

/** @param {{version: string, disclaimer: string, licences: string[]}} data */
function footer(data) {
  const text = `Made by cardiax ${data.version}. All data are in this file, which loads nothing else. ${data.disclaimer}.`;
  const licences = data.licences.map((licence) => el("pre", { text: licence }));
  const details = licences.length ? el("details", {}, el("summary", { text: "Licences" }), ...licences) : null;
  return el("footer", {}, el("p", { text }), details);
}

start();
