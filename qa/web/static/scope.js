// What an answer may draw on: topics, language, period, chosen documents; shown as removable chips.

import { $, h } from "./dom.js";
import { collectionName, dateText, languageName, t, topicName } from "./strings.js";

export function startScope(page, changed) {
  const scope = { collections: [], topics: [], languages: [], documents: [], since: "", until: "" };
  let titles = new Map();
  let topics = [];
  let collections = [];
  const panel = $("q-scope");
  const opener = $("q-scope-open");

  const toggle = (list, value, on) => {
    const at = list.indexOf(value);
    if (on && at < 0) list.push(value);
    if (!on && at >= 0) list.splice(at, 1);
  };
  const update = () => { draw(); changed(); };

  function chips() {
    const lists = [["collections", collectionName], ["topics", topicName], ["languages", languageName], ["documents", (id) => titles.get(id) ?? id]];
    return [
      ...lists.flatMap(([field, name]) => scope[field].map((value) => [name(value), () => toggle(scope[field], value, false)])),
      ...(scope.since ? [[t("since_chip", dateText(scope.since)), () => { scope.since = ""; }]] : []),
      ...(scope.until ? [[t("until_chip", dateText(scope.until)), () => { scope.until = ""; }]] : []),
    ];
  }

  function drawChips() {
    $("q-chips").replaceChildren(...chips().map(([label, remove]) => h("li", {},
      h("button", { type: "button", class: "q-chip", "aria-label": t("remove_chip", label), on: { click: () => { remove(); update(); $("q-question").focus(); } } }, h("span", { dir: "auto" }, label), h("span", { "aria-hidden": "true" }, "×")))));
  }

  function draw() {
    if (panel.hidden) return;
    const open = document.activeElement?.id;
    panel.replaceChildren(...[
      collections.length > 1 ? h("fieldset", {}, h("legend", {}, t("scope_collections")), h("div", { class: "q-options" }, collections.map((name) => option(collectionName(name), "collections", name)))) : null,
      h("fieldset", {}, h("legend", {}, t("scope_topics")), h("div", { class: "q-options" }, topics.map((topic) => option(topicName(topic), "topics", topic)))),
      h("fieldset", {}, h("legend", {}, t("scope_language")), h("div", { class: "q-options" }, ["en", "zh"].map((code) => option(languageName(code), "languages", code)))),
      h("fieldset", {}, h("legend", {}, t("scope_period")), h("div", { class: "q-options" }, period("since"), period("until"))),
      h("div", { class: "q-scope-end" },
        h("button", { type: "button", class: "q-tool", on: { click: () => { Object.assign(scope, { collections: [], topics: [], languages: [], documents: [], since: "", until: "" }); update(); } } }, t("scope_clear")),
        h("button", { type: "button", class: "q-tool", on: { click: () => show(false) } }, t("close"))),
    ].filter(Boolean));
    if (open) $(open)?.focus();
  }

  function option(label, field, value) {
    const id = `q-scope-${field}-${value}`;
    return h("label", { class: "q-option", for: id }, h("input", { type: "checkbox", id, checked: scope[field].includes(value), on: { change: (event) => { toggle(scope[field], value, event.target.checked); update(); } } }), h("span", {}, label));
  }

  function period(field) {
    const id = "q-scope-" + field;
    return h("label", { class: "q-field", for: id }, h("span", {}, t("scope_" + field)),
      h("input", { type: "text", inputmode: "numeric", size: 8, id, value: scope[field], placeholder: field === "since" ? "2024-06" : "2026", on: { change: (event) => { scope[field] = /^\d{4}(-\d\d){0,2}$/.test(event.target.value.trim()) ? event.target.value.trim() : ""; update(); } } }));
  }

  function show(on) {
    panel.hidden = !on;
    opener.setAttribute("aria-expanded", String(on));
    draw();
    if (!on) opener.focus();
  }
  opener.addEventListener("click", () => show(panel.hidden));
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") show(false); });

  return {
    draw, drawChips,
    value: () => structuredClone(scope),
    know(documents) {
      titles = new Map(documents.map((one) => [one.id, one.title]));
      collections = [...new Set(["corpus", ...documents.map((one) => one.collection)])];
      scope.collections = scope.collections.filter((name) => collections.includes(name));
      topics = [...new Set(documents.map((one) => one.topic).filter(Boolean))].sort((a, b) => topicName(a).localeCompare(topicName(b)));
      update();
    },
    only(documents) {
      for (const one of documents) titles.set(one.id, one.title);
      scope.documents = documents.map((one) => one.id);
      update();
    },
    read(parameters) {
      scope.collections = parameters.getAll("collection");
      scope.topics = parameters.getAll("topic");
      scope.languages = parameters.getAll("lang").filter((code) => code === "en" || code === "zh");
      scope.documents = parameters.getAll("doc");
      for (const key of ["since", "until"]) scope[key] = /^\d{4}(-\d\d){0,2}$/.test(parameters.get(key) ?? "") ? parameters.get(key) : "";
      update();
    },
  };
}
