// Cards below an answer: abstention, conflict, comparison, development over time.

import { h, segments } from "./dom.js";
import { dateText, t } from "./strings.js";
import { lineChart } from "./chart.js";
import { citeButton } from "./turn.js";

export function cards(turn, actions) {
  return [
    turn.abstained ? abstention(turn, actions) : null,
    ...turn.conflicts.map((conflict) => conflictCard(turn, conflict)),
    turn.comparison ? comparison(turn) : null,
    turn.chart ? development(turn, actions) : null,
  ];
}

export const frame = (kind, title, ...content) => h("section", { class: `q-box is-${kind}` }, h("h4", {}, title), ...content);

function abstention(turn, actions) {
  return frame("abstained", t("abstained"),
    h("p", { dir: "auto", lang: turn.language }, turn.text),
    turn.missing.length ? h("p", { class: "q-missing" }, h("span", { class: "q-label" }, t("missing")), " ", turn.missing.map((part) => h("span", { class: "q-chip is-static", dir: "auto" }, part))) : null,
    turn.nearest.length ? [h("h5", { class: "q-label" }, t("nearest")), h("ul", { class: "q-nearest" }, turn.nearest.map((near) => h("li", {},
      h("button", { type: "button", class: "q-link", dir: "auto", on: { click: () => actions.evidence.openNearest(near) } }, near.title),
      h("p", { dir: "auto" }, near.text),
      h("p", { class: "q-meta" }, [near.section, near.as_of ? t("as_of", dateText(near.as_of)) : ""].filter(Boolean).join(" · ")))))] : null);
}

export function conflictCard(turn, conflict) {
  return frame("conflict", t("conflict"),
    conflict.what ? h("p", { class: "q-meta", dir: "auto" }, t("conflict_about", conflict.what)) : null,
    h("div", { class: "q-values" }, conflict.values.map((value) => {
      const citation = turn.citations.find((c) => c.number === value.citation);
      return h("div", { class: "q-value" },
        h("p", { class: "q-value-figure" }, value.value, " ", citeButton(turn, value.citation)),
        h("p", { class: "q-meta" }, dateText(value.date), value.note ? h("span", { class: "q-badge" }, t(value.note)) : null),
        h("p", { class: "q-meta", dir: "auto" }, citation ? [...new Set(citation.sources.map((s) => s.publisher))].join(", ") || citation.title : ""));
    })));
}

function comparison(turn) {
  return frame("comparison", t("comparison"), h("div", { class: "q-scroll", tabindex: "0", role: "region", "aria-label": t("comparison") }, h("table", { class: "q-table" },
    h("thead", {}, h("tr", {}, ["side", "figures", "date", "source"].map((key) => h("th", { scope: "col" }, t(key))))),
    h("tbody", {}, turn.comparison.rows.map((row) => h("tr", {},
      h("th", { scope: "row", dir: "auto" }, row.side),
      h("td", { class: "q-number" }, row.figure),
      h("td", {}, dateText(row.as_of)),
      h("td", {}, citeButton(turn, row.citation))))))),
    turn.comparison.computed?.length ? h("p", { class: "q-computed", dir: "auto", lang: turn.language },
      segments(turn.comparison.computed, { cite: (text, kind) => citeButton(turn, +kind.slice(5)) ?? text })) : null);
}

function development(turn, actions) {
  return frame("chart", t("chart"),
    lineChart([{ title: turn.question, points: turn.chart.points }], {
      height: 190, label: turn.chart.points.map((p) => `${dateText(p.date)}: ${p.label}`).join("; "),
      onPoint: (point) => actions.evidence.goToCard(turn.id, point.citation),
    }),
    h("p", { class: "q-meta" }, t("chart_note")));
}
