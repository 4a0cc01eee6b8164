// The Explore view: series as charts, dated statements as a timeline, topics and names.

import { $, h, outside, reveal, segments } from "./dom.js";
import { dateText, language, languageName, number, t, topicName, unitName } from "./strings.js";
import { barChart, lineChart } from "./chart.js";

const MOST = 6; // series shown together; more could not be told apart by colour

export function startExplore(page) {
  const state = { data: null, chosen: [], seriesFilter: "", filters: {}, page: null, items: [], picked: null };
  const root = $("q-explore");

  async function load() {
    if (state.data || !page.ready || page.view !== "explore") return draw();
    const data = await page.call("explore");
    if (data.error) return root.replaceChildren(h("p", { class: "q-problem" }, data.error));
    state.data = data;
    state.chosen = data.series.filter((one) => one.dated).sort((a, b) => b.points.length - a.points.length).slice(0, 1).map((one) => one.slug);
    const usual = ["private-investment-china", "private-investment-us"].filter((slug) => data.series.some((one) => one.slug === slug));
    if (usual.length) state.chosen = usual;
    state.filters = { until: data.latest }; // else the list would open with forecasts for 2035
    draw();
    return find(0);
  }

  function draw() {
    if (page.view !== "explore" && !state.data) return;
    if (!state.data) { root.replaceChildren(h("p", { class: "q-waiting" }, h("span", { class: "q-pulse", "aria-hidden": "true" }), t("not_ready"))); return; }
    root.replaceChildren(seriesSection(), h("div", { class: "q-lower" }, timelineSection(), namesSection()));
    drawSeries();
    drawTimeline();
    drawPicked();
  }

  // Series

  function seriesSection() {
    const known = state.data.series;
    return h("section", { class: "q-section-block", "aria-labelledby": "q-series-heading" },
      h("h3", { id: "q-series-heading" }, t("series")),
      known.length === 0 ? h("p", { class: "q-meta" }, t("series_none")) : h("div", { class: "q-series" },
        h("div", { class: "q-picker" },
          h("input", { type: "search", class: "q-wide", id: "q-series-filter", value: state.seriesFilter, "aria-label": t("series_pick"), placeholder: t("series_pick"), on: { input: (event) => { state.seriesFilter = event.target.value; drawPicker(); } } }),
          h("ul", { id: "q-picker", tabindex: "0", "aria-label": t("series") })),
        h("div", { class: "q-plots", id: "q-plots", "aria-live": "polite" })));
  }

  const titleOf = (one) => one.title[language()];

  function drawPicker() {
    const wanted = state.seriesFilter.trim().toLowerCase();
    const list = state.data.series.filter((one) => !wanted || titleOf(one).toLowerCase().includes(wanted) || one.unit.includes(wanted));
    list.sort((a, b) => state.chosen.includes(b.slug) - state.chosen.includes(a.slug) || titleOf(a).localeCompare(titleOf(b), language()));
    $("q-picker")?.replaceChildren(...list.map((one) => h("li", {}, h("label", {},
      h("input", { type: "checkbox", checked: state.chosen.includes(one.slug), on: { change: (event) => choose(one.slug, event.target.checked) } }),
      h("span", {}, titleOf(one), h("span", { class: "q-meta" }, ` ${unitName(one.unit)}`))))));
  }

  function choose(slug, on) {
    state.chosen = on ? [...state.chosen, slug].slice(-MOST) : state.chosen.filter((other) => other !== slug);
    drawPlots();
  }

  function drawSeries() { drawPicker(); drawPlots(); }

  /** Series of one unit share a picture; another unit gets a picture of its own, never a second axis. */
  function drawPlots() {
    const chosen = state.chosen.map((slug, colour) => ({ ...state.data.series.find((one) => one.slug === slug), colour }));
    const dated = Map.groupBy ? Map.groupBy(chosen.filter((one) => one.dated), (one) => one.unit) : new Map(chosen.filter((one) => one.dated).map((one) => [one.unit, chosen.filter((other) => other.dated && other.unit === one.unit)]));
    $("q-plots")?.replaceChildren(...[...dated.values()].map(plot), ...chosen.filter((one) => !one.dated).map((one) => plot([one])),
      chosen.length === 0 ? h("p", { class: "q-meta" }, t("series_pick")) : "");
  }

  function plot(lines) {
    const unit = unitName(lines[0].unit);
    const drawn = lines.map((one) => ({ title: titleOf(one), points: one.points, colour: one.colour }));
    const heading = lines.length === 1 ? titleOf(lines[0]) : unit[0].toUpperCase() + unit.slice(1);
    return h("figure", { class: "q-plot" },
      h("figcaption", {},
        h("h4", {}, heading),
        h("p", { class: "q-meta" }, lines.length === 1 ? unit : null),
        lines.length > 1 ? h("ul", { class: "q-legend" }, lines.map((one) => h("li", { style: `--colour:var(--line-${one.colour})` }, titleOf(one)))) : null),
      lines[0].dated ? lineChart(drawn, { height: 260, label: heading }) : barChart(lines[0].points, { label: heading, colour: lines[0].colour }),
      lines.filter((one) => one.note[language()]).map((one) => h("p", { class: "q-meta q-note" }, one.note[language()])),
      h("div", { class: "q-plot-foot" },
        h("details", {}, h("summary", {}, t("values")), lines.map(table)),
        h("details", {}, h("summary", {}, t("sources")), h("ul", { class: "q-sources" }, lines.flatMap((one) => one.sources).map(sourceItem))),
        lines.map((one) => h("button", { type: "button", class: "q-quiet is-accent", on: { click: () => page.ask.fill(t("series_question", lowerFirst(titleOf(one)))) } }, lines.length > 1 ? `${t("ask_about")}: ${titleOf(one)}` : t("ask_about")))));
  }

  function table(one) {
    return h("table", { class: "q-table" }, h("caption", {}, titleOf(one)),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, one.dated ? t("date") : t("name")), h("th", { scope: "col" }, unitName(one.unit)))),
      h("tbody", {}, one.points.map((point) => h("tr", {}, h("th", { scope: "row" }, one.dated ? dateText(point.date) : point.date), h("td", { class: "q-number" }, number(point.value, { maximumFractionDigits: 3 }))))));
  }

  const sourceItem = (source) => h("li", {}, h("span", { class: "q-publisher" }, source.publisher), " ", h("time", {}, dateText(source.date)), h("br"), outside(source.url, source.title));

  // Timeline

  async function find(offset) {
    const found = await page.call("statements", { ...state.filters, offset });
    if (found.error) return;
    state.page = found;
    state.items = offset ? [...state.items, ...found.items] : found.items;
    drawTimeline();
  }

  function timelineSection() {
    const filter = (field) => ({ id: "q-line-" + field, value: state.filters[field] ?? "", on: { change: (event) => { state.filters[field] = event.target.value.trim(); find(0); } } });
    const field = (key, input) => h("label", { class: "q-filter" }, h("span", {}, t(key)), input);
    return h("section", { class: "q-section-block", id: "q-timeline-section", "aria-labelledby": "q-timeline-heading" },
      h("h3", { id: "q-timeline-heading", tabindex: "-1" }, t("timeline")),
      h("form", { class: "q-filters", on: { submit: (event) => event.preventDefault() } },
        field("name", h("input", { type: "search", list: "q-names-list", ...filter("name") })),
        h("datalist", { id: "q-names-list" }, state.data.names.map((one) => h("option", { value: one[language()] }))),
        field("topic", select(filter("topic"), state.data.topics.map((one) => [one.topic, topicName(one.topic)]))),
        field("language", select(filter("language"), ["en", "zh"].map((code) => [code, languageName(code)]))),
        field("since", h("input", { type: "text", inputmode: "numeric", size: 8, placeholder: "2024-06", pattern: "\\d{4}(-\\d\\d){0,2}", ...filter("since") })),
        field("until", h("input", { type: "text", inputmode: "numeric", size: 8, placeholder: "2026", pattern: "\\d{4}(-\\d\\d){0,2}", ...filter("until") })),
        h("button", { type: "button", class: "q-tool", on: { click: () => { state.filters = {}; draw(); find(0); } } }, t("reset"))),
      h("div", { id: "q-timeline" }));
  }

  function select(properties, options) {
    const element = h("select", { id: properties.id, on: properties.on }, h("option", { value: "" }, t("any")), options.map(([value, name]) => h("option", { value }, name)));
    element.value = properties.value;
    return element;
  }

  function drawTimeline() {
    const place = $("q-timeline");
    if (!place || !state.page) return;
    const { total, years } = state.page;
    place.replaceChildren(
      h("p", { class: "q-meta", role: "status" }, total ? t("timeline_lede", number(total)) : t("none_found")),
      yearBars(years),
      h("ol", { class: "q-timeline" }, state.items.map(statement)),
      state.items.length < total ? h("button", { type: "button", class: "q-button", on: { click: () => find(state.items.length) } }, t("more")) : "");
  }

  function yearBars(years) {
    const recent = years.filter(([year]) => +year >= 2015 && +year <= 2035);
    if (recent.length < 2) return "";
    const most = Math.max(...recent.map(([, count]) => count));
    return h("ul", { class: "q-years", "aria-label": t("year_bars") }, recent.map(([year, count]) => h("li", {}, h("button", {
      type: "button", title: `${year}: ${number(count)}`, "aria-label": `${year}: ${number(count)}`,
      on: { click: () => { Object.assign(state.filters, { since: year, until: year }); draw(); find(0); } },
    }, h("span", { class: "q-year-bar", style: `--share:${(count / most).toFixed(3)}` }), h("span", {}, year)))));
  }

  function statement(item) {
    const publishers = [...new Set(item.sources.map((source) => source.publisher))].join(", ");
    return h("li", {},
      h("time", { class: "q-when" }, dateText(item.date)),
      h("div", {},
        h("p", { dir: "auto", lang: item.language }, segments(item.segments, { date: (text) => h("strong", {}, text) })),
        h("p", { class: "q-meta" },
          h("button", { type: "button", class: "q-link", dir: "auto", on: { click: () => page.reader.open(item.document, item.start, item.end) } }, item.title),
          publishers ? ` · ${publishers}` : "")));
  }

  // Topics and names

  function namesSection() {
    const most = Math.max(1, ...state.data.topics.map((one) => one.documents));
    return h("section", { class: "q-section-block", "aria-labelledby": "q-names-heading" },
      h("h3", { id: "q-names-heading" }, t("topics_names")),
      h("div", { class: "q-picked", id: "q-picked", role: "status" }),
      h("div", { class: "q-two" },
        h("ul", { class: "q-topics" }, state.data.topics.map((one) => h("li", {}, h("button", { type: "button", on: { click: () => pick({ topic: one.topic, documents: one.documents }) } },
          h("span", {}, topicName(one.topic)), h("span", { class: "q-bar", style: `--share:${one.documents / most}` }), h("span", { class: "q-number" }, number(one.documents)))))),
        h("div", {}, h("h4", { class: "q-label" }, t("names")), h("ul", { class: "q-names" }, state.data.names.map((one) => h("li", {}, h("button", { type: "button", on: { click: () => pick({ name: one[language()], documents: one.documents }) } },
          one[language()], h("span", { class: "q-meta q-number" }, number(one.documents)))))))));
  }

  function pick(picked) { state.picked = picked; drawPicked(); reveal($("q-picked"), "nearest"); }

  function drawPicked() {
    const place = $("q-picked");
    if (!place) return;
    const { picked } = state;
    if (!picked) { place.replaceChildren(h("p", { class: "q-meta" }, t("pick_hint"))); return; }
    const name = picked.name ?? topicName(picked.topic);
    const questions = picked.topic ? (page.examples?.find((group) => group.topic === picked.topic)?.[language()] ?? []) : [t("about_question", name)];
    place.replaceChildren(
      h("h4", {}, name, " ", h("span", { class: "q-meta" }, picked.documents === 1 ? t("documents_1") : t("documents_n", number(picked.documents)))),
      h("ul", {}, questions.map((question) => h("li", {}, h("button", { type: "button", class: "q-example", on: { click: () => page.ask.send(question) } }, question)))),
      h("div", { class: "q-tools" },
        h("button", { type: "button", class: "q-tool", on: { click: () => { state.filters = picked.topic ? { topic: picked.topic } : { name: picked.name }; draw(); find(0); $("q-timeline-heading").focus({ preventScroll: true }); reveal($("q-timeline-section"), "start"); } } }, t("see_timeline")),
        h("button", { type: "button", class: "q-tool", on: { click: () => page.library.find(picked) } }, t("see_documents"))));
  }

  page.on("view", load);
  page.on("ready", load);
  page.on("language", () => state.data && draw());
}

/** Begin a title as it stands inside a sentence: "AI firms" and "US" stay, "Private ..." does not. */
const lowerFirst = (title) => (/^[A-Z][a-z]/.test(title) && !/^(?:China|Chinese|Alibaba|Tencent|Baidu|Huawei|Nvidia|Beijing|Qwen|Doubao|Kling|Pony|Apollo|Zhipu|Moonshot|Cambricon|Stanford)/.test(title) ? title[0].toLowerCase() + title.slice(1) : title);
