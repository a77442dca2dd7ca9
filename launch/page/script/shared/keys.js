// @ts-check
// The keys of the page, and the list of them that `?` shows.

/** @typedef {(keys: string[], text: string, act: (event: KeyboardEvent) => void) => void} OnKeys */

/** @type {{part: number, keys: string[], text: string, act: (event: KeyboardEvent) => void}[]} */
const KEYS = [];

/** The part whose keys count, beside those of the whole page (−1). */
const SHOWN = { part: 0 };

/** Names of keys that print nothing of their own. @type {{[key: string]: string}} */
const KEY_NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

/**
 * The function that adds keys of a part: as in `KeyboardEvent.key`, after `Shift+` where it is held; what they do; and
 * the listener.
 * @param {number} part
 * @returns {OnKeys}
 */
function keysOf(part) {
  return (keys, text, act) => KEYS.push({ part, keys, text, act });
}

/** Begin to listen. @returns {HTMLElement} the button that shows the list */
function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const tag = event.target instanceof Element ? event.target.tagName : "";
    const named = `${event.shiftKey ? "Shift+" : ""}${event.key}`;
    const isTaken = tag === "BUTTON" ? [" ", "Enter"].includes(event.key) : tag === "INPUT" && event.key.length > 1;
    if (tag === "SELECT" || isTaken) return;
    const found = active().find(
      ({ keys }) => keys.includes(named) || (event.key.length === 1 && keys.includes(event.key)),
    );
    if (!found) return;
    event.preventDefault();
    found.act(event);
  });
  const list = el("dialog", { class: "keys", "aria-label": "Keys" });
  const button = el("button", { type: "button", class: "plain", text: "Keys (?)", onclick: show });
  list.addEventListener("click", () => list.close());
  function show() {
    const rows = active().map(({ keys, text }) => [keys.map(keyName).join("  "), text]);
    list.replaceChildren(el("h3", { text: "Keys" }), table(["key", "what it does"], rows, [1]));
    if (list.open) list.close();
    else list.showModal();
  }
  const active = () => KEYS.filter(({ part }) => part === SHOWN.part || part < 0);
  keysOf(-1)(["?"], "show or close this list", show);
  document.body.append(list);
  return button;
}

/** @param {string} key */
function keyName(key) {
  const name = key.replace("Shift+", "");
  return (key.startsWith("Shift+") ? "Shift " : "") + /** @type {any} */ (KEY_NAMES[name] ?? name);
}
