// One question with its answer, as an article in the thread.

import { copy, h, s, segments, sentence } from "./dom.js";
import { duration, number, t } from "./strings.js";
import { linkTo } from "./ask.js";
import { briefPart, progressPart } from "./brief.js";
import { cards } from "./cards.js";

/** context: {vote, suggestions, last, actions: {retry, edit, vote, ask, evidence}} */
export function turnArticle(turn, context) {
  const { actions } = context;
  const shown = turn.pending || turn.failed ? turn.turn : turn;
  const waits = turn.pending && turn.phase !== "answering";
  const body = () => (shown.brief ? briefPart(shown, actions) : [shown.abstained ? null : answer(shown), turn.pending ? null : cards(shown, actions), notes(shown)]);
  return h("article", { class: "q-turn", id: "turn-" + turn.id, "aria-busy": turn.pending ? "true" : null, tabindex: "-1" },
    h("h3", { class: "q-question", dir: "auto" }, turn.question),
    shown && shown.standalone !== shown.question ? h("p", { class: "q-understood" }, t("understood"), " ", h("q", { dir: "auto" }, shown.standalone)) : null,
    waits ? (turn.phase === "research" ? progressPart(turn) : waiting(turn)) : null,
    waits && turn.text ? draft(turn) : null,
    turn.failed ? h("p", { class: "q-problem" }, sentence(turn.message)) : null,
    shown && !waits ? body() : null,
    !turn.pending && !turn.failed ? [shown.brief ? null : steps(shown), tools(turn, context), next(context)] : null,
    turn.failed ? h("div", { class: "q-tools" }, tool(t("retry"), () => actions.retry(turn)), tool(t("edit"), () => actions.edit(turn))) : null);
}

function waiting(turn) {
  const status = turn.status ?? {};
  if (turn.text) return null;
  const words = turn.evidence ? t(turn.phase === "thinking" ? "model_thinks" : "model_reads", number(turn.evidence.length)) : turn.phase !== "loading" ? t("searching") : status.state === "building" ? t("waiting_build", number(status.done), number(status.total)) : t("waiting");
  return h("p", { class: "q-waiting", role: "status" }, h("span", { class: "q-pulse", "aria-hidden": "true" }), words);
}

/** What a model has written so far, before it is checked. */
function draft(turn) {
  const evidence = { id: turn.id, citations: turn.evidence ?? [] };
  const words = turn.text.split(/(\[\d+\])/).map((part) => (/^\[\d+\]$/.test(part) ? citeButton(evidence, +part.slice(1, -1)) ?? part : part));
  return h("div", { class: "q-draft" }, h("p", { class: "q-label" }, h("span", { class: "q-pulse", "aria-hidden": "true" }), t("draft")), h("p", { class: "q-draft-text", dir: "auto" }, words));
}

function answer(turn) {
  const many = turn.sentences.length > 2 && !turn.mode?.startsWith("llm:");
  return h("div", { class: "q-answer" + (many ? " is-many" : ""), lang: turn.language }, turn.sentences.map((one) => h("p", { dir: "auto" }, said(turn, one))));
}

/** A sentence with its marks, and what is to be said of it. */
export function said(turn, one) {
  const [start, end] = split(one.segments);
  const text = (some) => {
    const nodes = segments(some, { figure: (words) => h("strong", { class: "q-figure" }, words) });
    return one.support === "unsupported" ? h("span", { class: "q-unsupported" }, nodes) : nodes;
  };
  return [
    text(start),
    h("span", { class: "q-together" }, text(end), "\u00a0", one.citations.map((n) => citeButton(turn, n))),
    one.support === "supported" ? null : h("span", { class: "q-badge is-" + one.support, title: t(one.support + "_told") }, t(one.support)),
    one.superseded_by ? h("span", { class: "q-badge" }, t("older"), "\u00a0", citeButton(turn, one.superseded_by)) : null,
  ];
}

/** Divide segments before their last word, which stays on one line with its mark: a mark alone on a line looks lost. */
function split(list) {
  const [text, kind] = list.at(-1) ?? ["", ""];
  const last = /[\p{Script=Han}]/u.test(text) ? /.{1,2}$/u.exec(text) : /\S{1,24}$/u.exec(text);
  if (!last) return [list, []];
  return [[...list.slice(0, -1), ...(last.index ? [[text.slice(0, last.index), kind]] : [])], [[last[0], kind]]];
}

/** Who wrote an answer, and what went otherwise than asked. */
export function notes(turn) {
  const model = turn.mode?.startsWith("llm:") ? turn.mode.slice(4) : "";
  const lines = [...(model && !turn.abstained ? [t("written_with", model)] : []), ...(turn.notes ?? [])];
  return lines.length ? h("ul", { class: "q-notes", "aria-label": t("notes") }, lines.map((line) => h("li", { dir: "auto" }, line))) : null;
}

const tokens = ({ usage }) => (usage ? [" · ", t("tokens", number(usage.prompt_tokens), number(usage.completion_tokens))] : null);

/** The button [n]; evidence.js listens for it. */
export function citeButton(turn, n) {
  const citation = turn.citations.find((c) => c.number === n);
  return citation ? h("button", { type: "button", class: "q-cite", data: { turn: turn.id, n }, "aria-label": t("citation", n, citation.title) }, String(n)) : null;
}

function steps(turn) {
  const total = turn.steps.find((step) => step.name === "total")?.ms ?? turn.steps.reduce((sum, step) => sum + step.ms, 0);
  const longest = Math.max(1, ...turn.steps.filter((step) => step.name !== "total").map((step) => step.ms));
  const level = turn.confidence >= 0.6 ? "high" : turn.confidence >= 0.35 ? "medium" : "low";
  return h("details", { class: "q-steps" },
    h("summary", {}, t("searched", number(turn.searched.passages), duration(total)),
      turn.abstained ? null : [" · ", t("confidence"), " ", t("confidence_" + level), ` (${number(turn.confidence, { style: "percent" })})`],
      tokens(turn)),
    h("ul", {},
      turn.steps.filter((step) => step.name !== "total").map((step) => {
        const key = "step_" + step.name;
        const name = t(key) === key ? step.name : t(key);
        return h("li", {}, h("span", {}, name), h("span", { class: "q-bar", style: `--share:${(step.ms / longest).toFixed(3)}` }), h("span", { class: "q-number" }, duration(step.ms)));
      })));
}

const THUMB = "M2.5 9h3v8h-3zM5.500 16.500c3 .8 5 .8 7.500 .5 1.800-.2 2.300-1.200 2.700-2.700l1-4c.3-1.300-.4-2.300-1.700-2.300h-3.500c.5-1.800.6-4.500-.9-4.900-1-.3-1.300.5-1.500 1.500C8.700 6.700 7.500 8.300 5.500 9.200";

const tool = (label, click, properties = {}) => h("button", { type: "button", class: "q-tool", on: { click }, ...properties }, label);

function tools(turn, { vote, actions }) {
  const feedback = h("div", { class: "q-feedback", hidden: true });
  const thumb = (value) => {
    const button = tool(s("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, s("path", { d: THUMB })), () => {
      const now = button.getAttribute("aria-pressed") === "true" ? 0 : value;
      for (const one of button.parentElement.querySelectorAll("[aria-pressed]")) one.setAttribute("aria-pressed", String(one === button && now !== 0));
      actions.vote(turn, now, "");
      reasons(feedback, turn, now, actions);
    }, { "aria-label": t(value > 0 ? "good" : "bad"), title: t(value > 0 ? "good" : "bad"), "aria-pressed": String(vote === value), class: "q-tool is-thumb" + (value > 0 ? "" : " is-down") });
    return button;
  };
  return h("div", {},
    h("div", { class: "q-tools" },
      confirmed(t("copy"), () => copy(withReferences(turn))),
      confirmed(t("link"), () => copy(linkTo(turn))),
      tool(t("retry"), () => actions.retry(turn)),
      tool(t("edit"), () => actions.edit(turn)),
      h("span", { class: "q-thumbs" }, thumb(1), thumb(-1))),
    feedback);
}

function confirmed(label, call) {
  const button = tool(label, async () => {
    await call();
    button.textContent = t("copied");
    setTimeout(() => { button.textContent = label; }, 1600);
  });
  return button;
}

function reasons(place, turn, vote, actions) {
  place.hidden = vote === 0;
  const label = t(vote > 0 ? "reason_good" : "reason_bad");
  const text = h("input", { type: "text", "aria-label": label, placeholder: label, maxlength: 2000 });
  const form = h("form", {
    on: { submit: (event) => { event.preventDefault(); actions.vote(turn, vote, text.value); place.replaceChildren(h("p", { role: "status" }, t("thanks"))); } },
  }, h("div", { class: "q-reasons" }, t(vote > 0 ? "reasons_good" : "reasons_bad").map((reason) =>
    tool(reason, () => { text.value = text.value ? `${text.value}; ${reason}` : reason; text.focus(); }))),
  h("div", { class: "q-reason-row" }, text, h("button", { type: "submit", class: "q-button" }, t("send"))));
  place.replaceChildren(form);
}

/** The questions that one could ask next, at the end of the last turn. */
export function next({ suggestions, last, actions }) {
  if (!last || !suggestions?.length) return null;
  return h("div", { class: "q-next" }, h("h4", { class: "q-label" }, t("next")),
    h("ul", {}, suggestions.map((question) => h("li", {}, h("button", { type: "button", class: "q-example", on: { click: () => actions.ask(question) } }, question)))));
}

/** The answer as text, each [n] explained below. */
export function withReferences(turn) {
  const references = turn.citations.map((c) => {
    const sources = c.sources.map((s) => [s.publisher, `“${s.title}”`, s.date, s.url].filter(Boolean).join(", ")).join("; ");
    const place = [c.title, c.origin === c.title ? "" : c.origin, c.page ? t("page_n", number(c.page)) : "", c.section].filter(Boolean).join(", ");
    return `[${c.number}] “${c.quote}” ${place}. ${sources}`.trim();
  });
  return [turn.question, "", turn.text, "", ...references].join("\n");
}
