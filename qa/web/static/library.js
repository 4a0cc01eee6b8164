// The Library view: the reader's own documents, the corpus as a table, and the state of the index.

import { $, h } from "./dom.js";
import { startOwn } from "./own.js";
import { dateText, language, languageName, number, t, topicName } from "./strings.js";

const COLUMNS = ["title", "topic", "language", "as_of", "sources", "passages"];

export function startLibrary(page) {
  const state = { documents: null, collections: [], index: null, search: "", topic: "", language: "", name: "", sort: "as_of", falling: true, chosen: new Set() };
  const root = $("q-library");
  const own = startOwn(page, { state, choice, reload });

  async function load() {
    if (page.view !== "library" || state.documents) return;
    if (!page.ready) { root.replaceChildren(h("p", { class: "q-waiting" }, h("span", { class: "q-pulse", "aria-hidden": "true" }), t("not_ready"))); return; }
    await reload();
  }

  /** Fetch the documents anew: some were added or removed. */
  async function reload() {
    const found = await page.call("library");
    if (found.error) { root.replaceChildren(h("p", { class: "q-problem" }, found.error)); return; }
    const changed = state.documents !== null;
    Object.assign(state, found);
    for (const id of [...state.chosen]) if (!state.documents.some((one) => one.id === id)) state.chosen.delete(id);
    draw();
    if (changed) page.tell("documents", found);
  }

  const corpus = () => state.documents.filter((one) => one.collection === "corpus");

  function draw() {
    if (!state.documents) return;
    own.draw();
    const topics = [...new Set(corpus().map((one) => one.topic))].sort((a, b) => topicName(a).localeCompare(topicName(b), language()));
    root.replaceChildren(h("section", { class: "q-section-block", "aria-labelledby": "q-corpus-heading" },
      h("h3", { id: "q-corpus-heading" }, t("corpus_heading")),
      h("form", { class: "q-filters", on: { submit: (event) => event.preventDefault() } },
        field("search", h("input", { type: "search", id: "q-library-search", value: state.search, on: { input: (event) => { state.search = event.target.value; drawRows(); } } })),
        field("topic", select("topic", topics.map((topic) => [topic, topicName(topic)]))),
        field("language", select("language", ["en", "zh"].map((code) => [code, languageName(code)]))),
        h("span", { class: "q-filters-end" }, h("span", { class: "q-meta", id: "q-shown", role: "status" }))),
      h("table", { class: "q-table q-library" },
        h("thead", {}, h("tr", {}, h("td", {}, ""), COLUMNS.map(heading))),
        h("tbody", { id: "q-rows" }))),
      indexStatus(),
      h("div", { class: "q-chosen", id: "q-chosen", hidden: true },
        h("button", { type: "button", class: "q-button is-primary", id: "q-ask-chosen", on: { click: () => page.ask.only(state.documents.filter((one) => state.chosen.has(one.id))) } }),
        h("button", { type: "button", class: "q-button", on: { click: () => { state.chosen.clear(); draw(); } } }, t("choose_none"))));
    drawRows();
  }

  const field = (key, input) => h("label", { class: "q-filter" }, h("span", {}, t(key)), input);

  function select(key, options) {
    const element = h("select", { on: { change: (event) => { state[key] = event.target.value; drawRows(); } } }, h("option", { value: "" }, t("any")), options.map(([value, name]) => h("option", { value }, name)));
    element.value = state[key];
    return element;
  }

  function heading(column) {
    const sorted = state.sort === column;
    return h("th", { scope: "col", class: "is-" + column, "aria-sort": sorted ? (state.falling ? "descending" : "ascending") : null },
      h("button", { type: "button", on: { click: () => { state.falling = sorted ? !state.falling : ["as_of", "sources", "passages"].includes(column); state.sort = column; draw(); root.querySelector(`th.is-${column} button`).focus(); } } },
        t("col_" + column), h("span", { "aria-hidden": "true" }, sorted ? (state.falling ? " ↓" : " ↑") : "")));
  }

  function shownDocuments() {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = corpus().filter((one) => (!state.topic || one.topic === state.topic) && (!state.language || one.language === state.language)
      && words.every((word) => (one.title + " " + one.id).toLowerCase().includes(word)));
    const by = { topic: (one) => topicName(one.topic), language: (one) => languageName(one.language) }[state.sort] ?? ((one) => one[state.sort]);
    const order = (a, b) => (typeof by(a) === "number" ? by(a) - by(b) : by(a).localeCompare(by(b), language()));
    return kept.sort((a, b) => (state.falling ? order(b, a) : order(a, b)) || a.id.localeCompare(b.id));
  }

  function drawRows() {
    const kept = shownDocuments();
    $("q-rows").replaceChildren(...kept.map(row));
    $("q-shown").textContent = kept.length ? t("shown", number(kept.length), number(corpus().length)) : t("none_found");
    drawChosen();
  }

  function drawChosen() {
    $("q-chosen").hidden = state.chosen.size === 0;
    $("q-ask-chosen").textContent = t("ask_chosen", number(state.chosen.size));
  }

  function choice(one) {
    const choose = (event) => { if (event.target.checked) state.chosen.add(one.id); else state.chosen.delete(one.id); drawChosen(); };
    return h("input", { type: "checkbox", checked: state.chosen.has(one.id), "aria-label": t("choose", one.title), on: { change: choose } });
  }

  function row(one) {
    return h("tr", {},
      h("td", { class: "is-choice" }, choice(one)),
      h("th", { scope: "row", class: "is-title" }, h("button", { type: "button", class: "q-title-link", dir: "auto", lang: one.language, on: { click: () => page.reader.open(one.id) } }, one.title)),
      h("td", { class: "is-topic" }, topicName(one.topic)),
      h("td", { class: "is-language" }, languageName(one.language)),
      h("td", { class: "is-as_of q-number" }, dateText(one.as_of)),
      h("td", { class: "is-sources q-number", "data-label": t("col_sources") }, number(one.sources)),
      h("td", { class: "is-passages q-number", "data-label": t("col_passages") }, number(one.passages)));
  }

  function indexStatus() {
    const { index } = state;
    const facts = [["documents", number(index.documents)], ["passages", number(index.passages)], ["sentences", number(index.sentences)], ["built", index.built.replace("T", " ").slice(0, 16)], ["model", index.model], ["generation", index.generation]];
    return h("section", { class: "q-index", "aria-labelledby": "q-index-heading" }, h("h3", { id: "q-index-heading" }, t("index")),
      h("dl", {}, facts.map(([key, value]) => h("div", {}, h("dt", {}, t("index_" + key)), h("dd", {}, value)))));
  }

  page.on("view", load);
  page.on("ready", load);
  page.on("language", draw);

  return {
    /** Show the documents of a topic, or those whose title holds a name. */
    async find({ topic = "", name = "" }) {
      Object.assign(state, { topic, search: name, language: "" });
      page.show("library");
      await load();
      draw();
    },
  };
}
