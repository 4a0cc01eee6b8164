// The list of kept conversations: open, rename, delete, export.

import { $, download, h } from "./dom.js";
import { t } from "./strings.js";

export function startConversations(page, { open, fresh, current }) {
  let list = [];
  let editing = "";
  let deleting = "";
  const rail = $("q-rail");
  const opener = $("q-rail-open");

  async function refresh() {
    const answer = await page.call("conversations");
    if (answer.conversations) { list = answer.conversations; draw(); }
  }

  function draw() {
    $("q-conversations").replaceChildren(...(list.length ? list.map(row) : [h("li", { class: "q-meta" }, t("no_conversations"))]));
    const exports = $("q-exports");
    exports.hidden = !current();
    exports.replaceChildren(h("h4", { class: "q-label" }, t("export")), ...["markdown", "json", "bibtex"].map((form) =>
      h("button", { type: "button", class: "q-tool", on: { click: () => save(form) } }, t("export_" + form))));
  }

  function row(one) {
    const here = one.id === current();
    if (editing === one.id) return renaming(one);
    const choose = h("button", { type: "button", class: "q-conversation", "aria-current": here ? "true" : null, dir: "auto", title: one.title, on: { click: () => { toggle(false); open(one.id); } } }, h("span", {}, one.title));
    if (!here) return h("li", {}, choose);
    const again = () => { draw(); $("q-conversations").querySelector("[aria-current]")?.focus(); };
    return h("li", { class: "is-current" }, choose, h("div", { class: "q-row-tools" }, deleting === one.id
      ? [h("span", { class: "q-meta" }, t("remove_confirm")), small(t("remove"), () => remove(one)), small(t("cancel"), () => { deleting = ""; again(); })]
      : [small(t("rename"), () => { editing = one.id; draw(); }), small(t("remove"), () => { deleting = one.id; draw(); $("q-conversations").querySelector(".q-row-tools button").focus(); })]));
  }

  const small = (label, click) => h("button", { type: "button", class: "q-tool", on: { click } }, label);

  function renaming(one) {
    const input = h("input", { type: "text", value: one.title, "aria-label": t("title_label"), maxlength: 120, on: { keydown: (event) => { if (event.key === "Escape") { editing = ""; draw(); } } } });
    const form = h("form", { class: "q-rename", on: { submit: async (event) => { event.preventDefault(); editing = ""; await page.call("rename", { id: one.id, title: input.value }); refresh(); } } },
      input, h("button", { type: "submit", class: "q-tool" }, t("save")));
    queueMicrotask(() => input.select());
    return h("li", { class: "is-current" }, form);
  }

  async function remove(one) {
    deleting = "";
    await page.call("delete", { id: one.id });
    list = list.filter((other) => other.id !== one.id);
    fresh();
    refresh();
  }

  async function save(form) {
    const file = await page.call("export", { id: current(), form });
    if (file.text !== undefined) download(file.name, file.text);
  }

  function toggle(on) {
    rail.classList.toggle("is-open", on);
    opener.setAttribute("aria-expanded", String(on));
  }
  opener.addEventListener("click", () => toggle(!rail.classList.contains("is-open")));

  return { refresh, draw };
}
