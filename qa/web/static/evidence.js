// The evidence panel, and the paths between a citation mark and its card.

import { $, h, outside, reducedMotion, reveal, segments } from "./dom.js";
import { collectionName, dateText, number, t } from "./strings.js";

export function startEvidence(page) {
  let shown = null;
  const panel = $("q-evidence");
  const tip = h("div", { class: "q-tip", id: "q-tip", role: "tooltip", hidden: true });
  document.querySelector(".gradio-container").append(tip);

  function show(turn) {
    shown = turn;
    const cards = turn?.citations ?? [];
    panel.classList.toggle("is-empty", cards.length === 0);
    $("q-cards").replaceChildren(...(cards.length
      ? [h("p", { class: "q-evidence-for", dir: "auto" }, turn.pending ? t("draft_evidence") : t("evidence_for", turn.question)), ...cards.map((citation) => card(turn, citation))]
      : [h("p", { class: "q-evidence-none" }, t("evidence_empty"))]));
  }

  function card(turn, citation) {
    return h("article", { class: "q-card", id: cardId(turn.id, citation.number), tabindex: "-1", data: { turn: turn.id, n: citation.number }, "aria-labelledby": cardId(turn.id, citation.number) + "-title" },
      h("header", {},
        h("button", { type: "button", class: "q-card-number", data: { back: citation.number, turn: turn.id }, "aria-label": t("back_to_mark", citation.number) }, String(citation.number)),
        h("div", {},
          h("h4", { id: cardId(turn.id, citation.number) + "-title", dir: "auto" }, citation.title),
          citation.section ? h("p", { class: "q-section", dir: "auto" }, citation.section) : null)),
      h("blockquote", { dir: "auto" }, segments(citation.passage, { quote: (text) => h("mark", {}, text) })),
      h("h5", { class: "q-hidden" }, t("sources")),
      citation.sources.length
        ? h("ul", { class: "q-sources" }, citation.sources.map((source) => h("li", {},
          h("span", { class: "q-publisher" }, source.publisher), " ", h("time", {}, dateText(source.date)), h("br"), outside(source.url, source.title))))
        : citation.origin ? origin(citation) : h("p", { class: "q-meta" }, t("no_sources")),
      h("footer", {},
        citation.as_of ? h("span", { class: "q-meta" }, t("as_of", dateText(citation.as_of))) : null,
        relevance(citation),
        h("button", { type: "button", class: "q-quiet is-accent", on: { click: () => page.reader.open(citation.document, citation.start, citation.end, citation.quote) } }, t("read"))));
  }

  /** The file or address that a quote of the reader's own documents comes from. */
  function origin(citation) {
    return h("p", { class: "q-sources q-origin", dir: "auto" },
      h("span", { class: "q-publisher" }, outside(citation.origin, citation.origin)),
      h("span", { class: "q-meta" }, [citation.page ? t("page_n", number(citation.page)) : "", collectionName(citation.collection)].filter(Boolean).join(" · ")));
  }

  function relevance(citation) {
    const meter = h("span", { class: "q-meter", role: "meter", "aria-label": t("relevance"), "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": citation.score, style: `--share:${citation.score}` });
    const value = number(citation.score, { style: "percent" });
    const signals = Object.entries(citation.signals ?? {});
    if (!signals.length) return h("span", { class: "q-relevance q-meta" }, t("relevance"), " ", meter, " ", value);
    return h("details", { class: "q-relevance" },
      h("summary", { class: "q-meta" }, t("relevance"), " ", meter, " ", value),
      h("dl", {},
        citation.rank ? [h("dt", {}, t("rank")), h("dd", {}, number(citation.rank))] : null,
        signals.map(([name, score]) => {
          const key = "signal_" + name;
          return [h("dt", {}, t(key) === key ? name : t(key)), h("dd", {}, number(score, { maximumFractionDigits: 2 }))];
        })));
  }

  /** Bring a citation's card into view and mark it; the focus goes there too. */
  function goToCard(turnId, n, find) {
    if (shown?.id !== turnId) {
      const turn = find(turnId);
      if (turn) show(turn);
    }
    const target = $(cardId(turnId, n));
    if (!target) return;
    for (const other of panel.querySelectorAll(".q-card.is-active")) other.classList.remove("is-active");
    target.classList.add("is-active");
    hideTip();
    target.focus({ preventScroll: true });
    if (panel.scrollHeight > panel.clientHeight + 1) revealIn(panel, target);
    else reveal(target, "start");
  }

  function goToMark(turnId, n) {
    const mark = document.querySelector(`.q-cite[data-turn="${turnId}"][data-n="${n}"]`);
    if (!mark) return;
    mark.focus({ preventScroll: true });
    reveal(mark, "center");
  }

  function showTip(mark) {
    const citation = shownTurn(mark.dataset.turn)?.citations.find((c) => c.number === +mark.dataset.n);
    if (!citation) return;
    tip.replaceChildren(h("p", { dir: "auto" }, citation.quote), h("p", { class: "q-meta", dir: "auto" }, [citation.title, citation.page ? t("page_n", number(citation.page)) : "", citation.as_of ? t("as_of", dateText(citation.as_of)) : ""].filter(Boolean).join(" · ")));
    tip.hidden = false;
    mark.setAttribute("aria-describedby", "q-tip");
    const at = mark.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(innerWidth - size.width - 8, at.left + at.width / 2 - size.width / 2));
    tip.style.left = left + "px";
    tip.style.top = (at.top - size.height - 8 > 8 ? at.top - size.height - 8 : at.bottom + 8) + "px";
  }

  function hideTip() {
    tip.hidden = true;
    document.querySelector("[aria-describedby=q-tip]")?.removeAttribute("aria-describedby");
  }

  // Turns are drawn again and again, so one listener on the view serves all marks and cards.
  const view = $("q-view-ask");
  let turns = () => [];
  const shownTurn = (id) => turns().find((turn) => turn.id === id) ?? (shown?.id === id ? shown : null);
  const markOf = (event) => event.target.closest?.(".q-cite");
  view.addEventListener("click", (event) => {
    const mark = markOf(event);
    if (mark) goToCard(mark.dataset.turn, mark.dataset.n, shownTurn);
    const back = event.target.closest("[data-back]");
    if (back) goToMark(back.dataset.turn, back.dataset.back);
  });
  for (const [enter, leave] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    view.addEventListener(enter, (event) => { if (markOf(event)) showTip(markOf(event)); point(event, true); });
    view.addEventListener(leave, (event) => { if (markOf(event)) hideTip(); point(event, false); });
  }
  addEventListener("scroll", hideTip, { passive: true });
  view.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    hideTip();
    const focused = event.target.closest(".q-card");
    if (focused) goToMark(focused.dataset.turn, focused.dataset.n);
  });

  /** A card and its marks light up together. */
  function point(event, on) {
    const one = event.target.closest?.(".q-card, .q-cite");
    if (!one) return;
    for (const other of view.querySelectorAll(`.q-card[data-turn="${one.dataset.turn}"][data-n="${one.dataset.n}"], .q-cite[data-turn="${one.dataset.turn}"][data-n="${one.dataset.n}"]`))
      other.classList.toggle("is-pointed", on);
  }

  return {
    show,
    /** Return the turn that is shown if it is among these, which also become the ones to look in. */
    turnIn(list) { turns = () => list; return list.find((turn) => turn.id === shown?.id); },
    goToCard: (turnId, n) => goToCard(turnId, n, shownTurn),
    openNearest: (near) => page.reader.open(near.document, near.start, near.end),
  };
}

/** Scroll a panel, and nothing around it, as far as needed to show an element from its top on. */
function revealIn(panel, element) {
  const [outer, inner] = [panel.getBoundingClientRect(), element.getBoundingClientRect()];
  const above = inner.top - outer.top - 12;
  const below = inner.bottom - outer.bottom + 12;
  const top = above < 0 ? above : Math.min(Math.max(below, 0), above);
  panel.scrollBy({ top, behavior: reducedMotion() ? "auto" : "smooth" });
}

const cardId = (turn, n) => `card-${turn}-${n}`;
