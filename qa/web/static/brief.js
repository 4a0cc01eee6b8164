// Research: its progress while it runs, and the brief that comes of it.

import { download, h, outside } from "./dom.js";
import { dateText, language, number, t, unitName } from "./strings.js";
import { barChart, lineChart } from "./chart.js";
import { conflictCard } from "./cards.js";
import { citeButton, notes, said } from "./turn.js";

/** The questions in their order, those behind us ticked. */
export function progressPart({ progress, stopping }) {
  const total = progress.questions.length;
  const words = stopping ? t("stopping") : progress.writing ? t("writing_brief") : progress.number ? t("researching", number(progress.number), number(total)) : t("planning");
  const facts = [progress.found ? t("brief_found", number(progress.found)) : "", progress.gaps.length ? t("brief_gaps", number(progress.gaps.length)) : "", progress.conflicts ? t("brief_conflicts", number(progress.conflicts)) : ""].filter(Boolean);
  return h("div", { class: "q-progressing" },
    h("p", { class: "q-waiting", role: "status" }, h("span", { class: "q-pulse", "aria-hidden": "true" }), words),
    h("progress", { class: "q-progress", max: Math.max(1, total), value: progress.writing ? total : Math.max(0, progress.number - 1), "aria-label": words }),
    facts.length ? h("p", { class: "q-meta" }, facts.join(" · ")) : null,
    h("ol", { class: "q-plan" }, progress.questions.map((question, n) => h("li", { class: progress.writing || n + 1 < progress.number ? "is-done" : n + 1 === progress.number ? "is-now" : null, dir: "auto" }, question))));
}

export function briefPart(turn, actions) {
  const { brief } = turn;
  const by = [t("brief_by", number(brief.asked.length), number(turn.citations.length)), brief.until ? t("brief_until", dateText(brief.until)) : ""].filter(Boolean).join(" · ");
  return h("div", { class: "q-brief", lang: turn.language },
    h("p", { class: "q-meta" }, t("brief"), " · ", by, turn.usage ? [" · ", t("tokens", number(turn.usage.prompt_tokens), number(turn.usage.completion_tokens))] : null),
    brief.stopped ? h("p", { class: "q-problem" }, t("brief_stopped")) : null,
    turn.citations.length ? null : h("p", {}, t("brief_none")),
    turn.sentences.length ? block("summary", t("summary"), list(turn, turn.sentences)) : null,
    brief.sections.map((section) => block("section", section.heading, list(turn, section.sentences))),
    brief.figures.length ? block("figures", t("brief_figures"), figures(turn)) : null,
    brief.timeline.length ? block("timeline", t("timeline"), timeline(turn)) : null,
    brief.charts.length ? block("charts", t("brief_charts"), brief.charts.map(chart)) : null,
    turn.conflicts.map((conflict) => conflictCard(turn, conflict)),
    brief.gaps.length ? block("gaps", t("gaps"), h("ul", { class: "q-lines" }, brief.gaps.map((gap) => h("li", { dir: "auto" }, gap.question, gap.missing.length ? h("span", { class: "q-meta" }, " (", t("gap_lacks", gap.missing.join(language() === "zh" ? "、" : ", ")), ")") : null)))) : null,
    turn.citations.length ? folded(t("references_n", number(turn.citations.length)), references(turn)) : null,
    folded(t("asked"), h("ol", { class: "q-lines" }, brief.asked.map((sub) => h("li", { dir: "auto" }, sub.question, " ", h("span", { class: "q-meta" }, sub.found ? t("found_n", number(sub.found)) : t("found_none")))))),
    notes(turn),
    h("div", { class: "q-downloads" }, h("span", { class: "q-label" }, t("download")), ["markdown", "html"].map((form) =>
      h("button", { type: "button", class: "q-tool", data: { form }, on: { click: () => actions.saveBrief(turn, form).then((file) => file.text === undefined ? null : download(file.name, file.text)) } }, t("download_" + form)))));
}

const block = (kind, title, ...content) => h("section", { class: "q-brief-part is-" + kind }, h("h4", { dir: "auto" }, title), ...content);
const folded = (title, content) => h("details", { class: "q-brief-more" }, h("summary", {}, title), content);
const list = (turn, sentences) => h("ul", { class: "q-said" }, sentences.map((one) => h("li", { dir: "auto" }, said(turn, one))));

function figures(turn) {
  const cell = (name, ...content) => h("td", { class: "is-" + name, dir: "auto" }, ...content);
  // "31.4 percentage points" and "USD 5.5 million" say their unit themselves.
  const unit = (row) => (row.unit && !/[%％]|^pp$|^[A-Z]{3}$/.test(row.unit) && !row.value.includes(row.unit) ? h("span", { class: "q-meta" }, " ", row.unit) : null);
  return h("div", { class: "q-scroll", tabindex: "0", role: "region", "aria-label": t("brief_figures") }, h("table", { class: "q-table q-figures" },
    h("thead", {}, h("tr", {}, ["value", "what", "date", "source"].map((key) => h("th", { scope: "col" }, t(key))))),
    h("tbody", {}, turn.brief.figures.map((row) => h("tr", {},
      cell("value", row.value, unit(row)), cell("what", row.what), cell("date", dateText(row.date)), cell("source", citeButton(turn, row.citation)))))));
}

function timeline(turn) {
  return h("ol", { class: "q-timeline is-brief" }, turn.brief.timeline.map((one) => h("li", {},
    h("span", { class: "q-when" }, dateText(one.date)), h("p", { dir: "auto" }, one.statement, "\u00a0", citeButton(turn, one.citation)))));
}

function chart(one) {
  const points = one.points.map(([date, value]) => ({ date, value }));
  const label = `${one.title}: ${points.map((p) => `${dateText(p.date)} ${number(p.value)}`).join("; ")}`;
  return h("figure", { class: "q-plot" },
    h("figcaption", {}, h("h5", { dir: "auto" }, one.title), h("p", { class: "q-meta" }, unitName(one.unit))),
    one.dated && points.length > 1 ? lineChart([{ title: one.title, points }], { height: 190, label }) : barChart(points, { label }),
    one.note ? h("p", { class: "q-meta q-note", dir: "auto" }, one.note) : null,
    one.sources.map((source) => h("p", { class: "q-meta", dir: "auto" }, h("span", { class: "q-publisher" }, source.publisher), " ", dateText(source.date), " ", outside(source.url, source.title))));
}

function references(turn) {
  return h("ol", { class: "q-references" }, turn.citations.map((c) => h("li", { dir: "auto" }, citeButton(turn, c.number), " “", c.quote, "” ",
    h("span", { class: "q-meta" }, [c.title, c.origin === c.title ? "" : c.origin, c.page ? t("page_n", number(c.page)) : "", c.as_of ? t("as_of", dateText(c.as_of)) : ""].filter(Boolean).join(" · ")))));
}
