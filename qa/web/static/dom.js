// Elements from plain values. Text is always set as text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false).map((c) => (c instanceof Node ? c : String(c))));
  return element;
}

/** Make an HTML element: h("p", {class: "x", on: {click: f}}, "text", otherElement). */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** Make an SVG element. */
export const s = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

/** Make a link to another site, in a tab of its own; plain text where the address is not http or https. */
export function outside(url, ...children) {
  if (!/^https?:\/\//i.test(url ?? "")) return h("span", {}, ...children);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Turn segments [text, kind] into nodes; `wrap` maps a kind to a function from text to a node. */
export function segments(list, wrap = {}) {
  return list.map(([text, kind]) => {
    const name = kind.split(":")[0];
    return kind && wrap[name] ? wrap[name](text, kind) : text;
  });
}

export const $ = (id) => document.getElementById(id);

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Bring an element into view without more movement than needed. */
export function reveal(element, block = "nearest") {
  element?.scrollIntoView({ block, behavior: reducedMotion() ? "auto" : "smooth" });
}

/** Keep a value in the browser; private windows may refuse, which changes nothing else. */
export function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* not kept */ }
}

/** Offer text as a file. */
export function download(name, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Copy text, by the old way where the page is not served from a secure address. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "q-hidden", value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Begin a message with a capital, as a sentence does. */
export const sentence = (message) => (message ?? "").replace(/^[a-z]/, (letter) => letter.toUpperCase());
