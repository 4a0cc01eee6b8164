// The reader's own documents in the Library view: adding, the list, removing.

import { $, h } from "./dom.js";
import { collectionName, dateText, day, languageName, number, size, t } from "./strings.js";
import { startUploads } from "./uploads.js";

const SHOWN = 100;

/** library: {state, chosen(), reload()} of library.js */
export function startOwn(page, library) {
  const root = $("q-own");
  const own = { search: "", shown: SHOWN, asking: "", problem: "" };
  const uploads = startUploads(page, { collections: () => library.state.collections, changed: library.reload });

  const documents = () => library.state.documents.filter((one) => one.collection !== "corpus");

  function draw() {
    const found = documents();
    const closed = page.session.read_only;
    if (closed && !found.length) { root.replaceChildren(); return; }
    root.replaceChildren(h("section", { class: "q-section-block q-own", "aria-labelledby": "q-own-heading" },
      h("h3", { id: "q-own-heading", tabindex: "-1" }, t("own_heading")),
      h("p", { class: "q-own-lede" }, t(closed ? "own_lede_closed" : "own_lede")),
      closed ? null : uploads.element,
      h("p", { class: "q-problem", role: "alert", id: "q-own-problem", hidden: !own.problem }, own.problem),
      h("p", { class: "q-hidden", role: "status", id: "q-own-said" }),
      found.length ? [filter(found), table()] : h("p", { class: "q-own-none" }, t("own_none"))));
    if (!closed) uploads.draw();
    if (found.length) drawRows();
  }

  function filter(found) {
    if (found.length <= 8) return null;
    return h("form", { class: "q-filters", on: { submit: (event) => event.preventDefault() } },
      h("label", { class: "q-filter" }, h("span", {}, t("own_search")),
        h("input", { type: "search", id: "q-own-search", value: own.search, on: { input: (event) => { own.search = event.target.value; own.shown = SHOWN; drawRows(); } } })),
      h("span", { class: "q-filters-end q-meta", id: "q-own-shown", role: "status" }));
  }

  function table() {
    const columns = ["title", "collection", "added", "size", "passages"];
    return h("table", { class: "q-table q-library is-own" },
      h("thead", {}, h("tr", {}, h("td", {}), columns.map((column) => h("th", { scope: "col", class: "is-" + column }, t("col_" + column))), h("td", {}))),
      h("tbody", { id: "q-own-rows" }));
  }

  function drawRows() {
    const place = $("q-own-rows");
    const words = own.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = documents().filter((one) => words.every((word) => `${one.title} ${one.file} ${one.collection}`.toLowerCase().includes(word)))
      .sort((a, b) => b.added.localeCompare(a.added) || a.title.localeCompare(b.title));
    const more = found.length > own.shown
      ? h("tr", { class: "q-own-more" }, h("td", { colspan: 7 }, h("button", { type: "button", class: "q-tool", on: { click: () => { own.shown += SHOWN; drawRows(); } } }, t("more")))) : "";
    place.replaceChildren(...found.slice(0, own.shown).map(row), more);
    if ($("q-own-shown")) $("q-own-shown").textContent = found.length ? t("shown", number(found.length), number(documents().length)) : t("none_found");
  }

  function row(one) {
    const name = one.url || one.file;
    const facts = [name === one.title ? "" : name, languageName(one.language), one.pages ? t("pages_n", number(one.pages)) : "", one.as_of ? t("as_of", dateText(one.as_of)) : ""].filter(Boolean);
    return h("tr", { data: { id: one.id } },
      h("td", { class: "is-choice" }, library.choice(one)),
      h("th", { scope: "row", class: "is-title" },
        h("button", { type: "button", class: "q-title-link", dir: "auto", lang: one.language, on: { click: () => page.reader.open(one.id) } }, one.title),
        h("span", { class: "q-meta q-file", dir: "auto" }, facts.join(" · "))),
      h("td", { class: "is-collection", dir: "auto" }, h("span", {}, collectionName(one.collection))),
      h("td", { class: "is-added q-number" }, day(one.added)),
      h("td", { class: "is-size q-number" }, size(one.bytes)),
      h("td", { class: "is-passages q-number" }, number(one.passages)),
      h("td", { class: "is-action" }, page.session.read_only ? null : own.asking === one.id ? confirm(one) : h("button", {
        type: "button", class: "q-quiet", "aria-label": t("own_remove_one", one.title), on: { click: () => ask(one.id) },
      }, t("own_remove"))));
  }

  function ask(id) {
    own.asking = id;
    drawRows();
    const buttons = root.querySelectorAll(`tr[data-id="${CSS.escape(id)}"] .is-action button`);
    (buttons[1] ?? buttons[0])?.focus();
  }

  function confirm(one) {
    return h("span", { class: "q-confirm", role: "group", "aria-label": t("own_confirm"), on: { keydown: (event) => { if (event.key === "Escape") leave(one.id); } } },
      h("span", {}, t("own_confirm")),
      h("button", { type: "button", class: "q-tool is-danger", on: { click: () => remove(one) } }, t("own_remove")),
      h("button", { type: "button", class: "q-tool", on: { click: () => leave(one.id) } }, t("cancel")));
  }

  function leave(id) {
    own.asking = "";
    drawRows();
    root.querySelector(`tr[data-id="${CSS.escape(id)}"] .is-action button`)?.focus();
  }

  async function remove(one) {
    own.asking = "";
    const place = root.querySelector(`tr[data-id="${CSS.escape(one.id)}"]`);
    place?.setAttribute("aria-busy", "true");
    const answer = await page.post("library/remove", { ids: [one.id] });
    own.problem = answer.error ?? "";
    if (!answer.error) library.state.chosen.delete(one.id);
    await library.reload();
    $("q-own-said").textContent = answer.error ? "" : t("own_removed", one.title);
    $("q-own-heading").focus({ preventScroll: true });
  }

  return { draw };
}
