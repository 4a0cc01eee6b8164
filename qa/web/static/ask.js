// The Ask view: the question box, the thread of turns, and the stream of answers.

import { $, h, reveal } from "./dom.js";
import { number, t, topicName, language } from "./strings.js";
import { startConversations } from "./conversations.js";
import { startEvidence } from "./evidence.js";
import { startModes } from "./modes.js";
import { startScope } from "./scope.js";
import { next, turnArticle } from "./turn.js";

const SILENCE_MS = 15000;

export function startAsk(page) {
  const part = page.parts.ask;
  const state = { turns: [], votes: {}, suggestions: {}, conversation: "", pending: null, replacing: "", examples: [], maxChars: 2000 };
  const thread = $("q-thread");
  const box = $("q-question");
  const scope = startScope(page, drawComposer);
  const evidence = startEvidence(page);
  const conversations = startConversations(page, { open: openConversation, fresh, current: () => state.conversation });
  const modes = startModes(() => { drawComposer(); drawWelcome(); });
  const actions = { retry, edit, vote, saveBrief, ask: (question) => send(question), evidence };

  // Drawing

  function draw() {
    thread.replaceChildren(...state.turns.map(article), ...(state.pending ? [article(state.pending)] : []));
    drawWelcome();
    drawComposer();
    evidence.show(evidence.turnIn(state.turns) ?? state.turns.at(-1) ?? null);
  }

  const article = (turn) => turnArticle(turn, {
    vote: state.votes[turn.id] ?? 0, suggestions: state.suggestions[turn.id], last: turn === state.turns.at(-1), actions,
  });

  /** Draw a turn anew; a reader who is at its end stays there while it grows. */
  function redraw(turn) {
    const old = $("turn-" + turn.id);
    const atEnd = turn.pending && old && old.getBoundingClientRect().bottom < innerHeight;
    if (old) old.replaceWith(article(turn));
    else thread.append(article(turn));
    if (atEnd) $("turn-" + turn.id).scrollIntoView({ block: "nearest" });
  }

  /** Put a new turn at the end, leaving those before as they are: a reader may be in the middle of one. */
  function place(turn) {
    for (const old of thread.querySelectorAll(".q-next")) old.remove();
    $("turn-pending")?.remove();
    thread.append(article(turn));
    drawWelcome();
    drawComposer();
  }

  function drawWelcome() {
    const place = $("q-welcome");
    place.hidden = state.turns.length > 0 || state.pending !== null;
    $("q-starters").hidden = place.hidden;
    place.parentElement.classList.toggle("is-welcome", !place.hidden);
    if (place.hidden) return;
    const tongue = language();
    const count = page.documents;
    const groups = state.examples.filter((group) => group[tongue]?.length);
    place.replaceChildren(
      h("h3", { class: "q-welcome-title" }, t("welcome")),
      h("p", { class: "q-welcome-lede" }, !count ? t("welcome_lede_loading") : modes.label() ? t("welcome_lede_model", number(count), modes.label()) : t("welcome_lede", number(count))));
    $("q-starters").replaceChildren(
      h("h4", { class: "q-label" }, t("examples")),
      h("dl", { class: "q-examples" }, groups.map((group) => h("div", {},
        h("dt", {}, topicName(group.topic)),
        group[tongue].slice(0, 2).map((question) => h("dd", {}, h("button", { type: "button", class: "q-example", on: { click: () => send(question) } }, question)))))));
  }

  function drawComposer() {
    const over = [...box.value].length - state.maxChars;
    $("q-note").textContent = over > 0 ? t("too_long", number(over)) : state.replacing ? t("editing") : "";
    $("q-send").disabled = over > 0 || state.pending !== null;
    $("q-send").hidden = state.pending !== null;
    $("q-stop").hidden = state.pending === null;
    box.style.height = "auto";
    box.style.height = Math.min(box.scrollHeight, 220) + "px";
    scope.drawChips();
  }

  // Asking

  function send(question, replace = "", how = modes.value()) {
    question = question.trim();
    if (!question || state.pending) return;
    const at = replace ? state.turns.findIndex((turn) => turn.id === replace) : -1;
    const dropped = at < 0 ? [] : state.turns.splice(at);
    state.replacing = "";
    state.pending = { id: "pending", request: crypto.getRandomValues(new Uint32Array(2)).join("-"), question, phase: "searching", pending: true, ...how };
    box.value = "";
    heard = Date.now();
    if (how.research) modes.set(false); // what follows a brief is mostly a plain question
    page.show("ask", false);
    if (dropped.length) draw();
    else place(state.pending);
    reveal($("turn-pending"), state.turns.length ? "start" : "nearest");
    part.submit({ request: state.pending.request, question, conversation: state.conversation, scope: scope.value(), ...how, replace: dropped.find((turn) => !turn.failed)?.id ?? "" });
  }

  part.watch("value", () => {
    const step = part.props.value;
    if (!step || !state.pending || step.request !== state.pending.request) return;
    heard = Date.now();
    if (step.phase === "done") finish(step.turn);
    else if (["busy", "failed"].includes(step.phase)) fail(step);
    else {
      const { request, n, ...told } = step;
      Object.assign(state.pending, told);
      if (step.phase === "found") evidence.show({ ...state.pending, citations: step.evidence });
      redraw(state.pending);
    }
  });

  // A server that went away sends nothing, so silence is looked into.
  let heard = 0;
  setInterval(async () => {
    const { pending } = state;
    if (!pending || Date.now() - heard < SILENCE_MS) return;
    const status = await page.call("status");
    if (status.error && state.pending === pending) fail({ phase: "failed", message: status.error });
    else heard = Date.now();
  }, 5000);

  function finish(turn) {
    state.pending = null;
    state.turns.push(turn);
    state.conversation = turn.conversation;
    evidence.turnIn(state.turns);
    evidence.show(turn);
    place(turn);
    if (state.turns.length > 1) reveal($("turn-" + turn.id), "start");
    remember(turn);
    $("q-announce").textContent = turn.brief ? t("brief_ready", number(turn.citations.length)) : turn.abstained ? t("answer_none") : t("answer_ready", turn.citations.length);
    conversations.refresh();
    if (!turn.brief) suggest(turn);
  }

  function fail(step) {
    const turn = state.pending;
    const message = step.phase === "busy" ? t("busy") : step.problem === "unexpected" ? t("unexpected") : step.message || t("failed_answer");
    Object.assign(turn, { phase: "failed", message });
    $("q-announce").textContent = message;
    settle(turn);
  }

  /** Keep a turn that has no answer in the thread, so that it can be asked again. */
  function settle(turn) {
    state.pending = null;
    const failed = { ...turn, id: "failed-" + turn.request, pending: false, failed: true, turn: null, citations: [], text: "" };
    state.turns.push(failed);
    evidence.show(state.turns.findLast((one) => !one.failed) ?? null);
    place(failed);
    reveal($("turn-" + failed.id), "nearest");
  }

  function stop() {
    const { pending } = state;
    if (!pending) return;
    if (pending.phase === "research" && !pending.stopping) { // the brief is made of what was found; a second press drops that too
      pending.stopping = true;
      redraw(pending);
      page.call("stop", { request: pending.request });
      return;
    }
    part.stop();
    Object.assign(state.pending, { phase: "failed", message: t("stopped") });
    settle(state.pending);
    box.focus();
  }

  async function suggest(turn) {
    const asked = state.turns.map((one) => one.question);
    const answer = await page.call("suggest", { turn: turn.id, scope: scope.value(), asked });
    if (!answer.questions?.length || !state.turns.includes(turn)) return;
    state.suggestions[turn.id] = answer.questions;
    // Added at the end, with nothing drawn again: the reader's focus may be in the turn.
    const more = next({ suggestions: answer.questions, last: turn === state.turns.at(-1) && !state.pending, actions });
    if (more) $("turn-" + turn.id)?.append(more);
  }

  const researched = (turn) => Boolean(turn.brief || turn.research);

  function retry(turn) {
    send(turn.question, turn.id, { ...modes.value(), research: researched(turn) });
  }

  function saveBrief(turn, form) {
    return page.call("brief", { conversation: turn.conversation, turn: turn.id, form });
  }

  function edit(turn) {
    state.replacing = turn.id;
    modes.set(researched(turn));
    box.value = turn.question;
    drawComposer();
    box.focus();
  }

  async function vote(turn, value, reason) {
    state.votes[turn.id] = value;
    await page.call("vote", { conversation: turn.conversation, turn: turn.id, vote: value, reason });
  }

  // Conversations and addresses

  /** Write the conversation into the address, so that a reload or a link finds it again. */
  function remember(turn) {
    const address = new URL(location.href);
    for (const key of ["q", "c", "research", "collection", "topic", "lang", "since", "until", "doc"]) address.searchParams.delete(key);
    if (turn) {
      for (const [key, value] of new URL(linkTo(turn)).searchParams) address.searchParams.append(key, value);
      address.searchParams.set("c", turn.conversation);
    }
    history.replaceState(null, "", address);
  }

  function fresh() {
    if (state.pending) stop();
    Object.assign(state, { turns: [], votes: {}, suggestions: {}, conversation: "", replacing: "" });
    remember(null);
    page.show("ask");
    draw();
    conversations.draw();
    box.focus();
  }

  async function openConversation(id) {
    if (state.pending) stop();
    const found = await page.call("conversation", { id });
    if (!found.turns?.length) return false;
    Object.assign(state, { turns: found.turns, votes: found.votes, suggestions: {}, conversation: id, replacing: "" });
    evidence.show(found.turns.at(-1));
    page.show("ask", false);
    draw();
    remember(found.turns.at(-1));
    conversations.draw();
    reveal($("turn-" + found.turns.at(-1).id), "start");
    return true;
  }

  async function begin() {
    const first = await page.call("start");
    state.examples = page.examples = first.examples ?? [];
    state.maxChars = first.max_chars ?? state.maxChars;
    modes.know(first.models ?? []);
    draw();
    conversations.refresh();
    const wanted = new URL(location.href).searchParams;
    if (wanted.get("c") && (await openConversation(wanted.get("c")))) return;
    scope.read(wanted);
    // Whoever made the link must not decide that something leaves this machine.
    if (wanted.get("q")) send(wanted.get("q"), "", { llm: "", research: wanted.has("research") });
  }

  function know(documents) {
    page.documents = documents.filter((one) => one.collection === "corpus").length;
    scope.know(documents);
    drawWelcome();
  }

  // Events

  $("q-composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if ([...box.value].length <= state.maxChars) send(box.value, state.replacing);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("q-composer").requestSubmit(); }
    if (event.key === "Escape" && state.replacing) { state.replacing = ""; box.value = ""; drawComposer(); }
  });
  box.addEventListener("input", drawComposer);
  $("q-stop").addEventListener("click", stop);
  for (const id of ["q-new", "q-new-small"]) $(id).addEventListener("click", fresh);
  page.on("language", () => { modes.draw(); draw(); conversations.draw(); scope.draw(); });
  page.on("ready", async () => {
    const { documents } = await page.call("library");
    if (documents) know(documents);
  });
  page.on("documents", ({ documents }) => know(documents));
  begin();

  return {
    send,
    /** Put a question into the box for the reader to look at and send. */
    fill(question) { page.show("ask"); modes.set(false); box.value = question; drawComposer(); box.focus(); },
    only(documents) { scope.only(documents); page.show("ask"); box.focus(); },
  };
}

/** The address that asks a turn's question again, within the same scope. */
export function linkTo(turn) {
  const address = new URL(location.pathname, location.origin);
  address.searchParams.set("q", turn.standalone ?? turn.question);
  if (turn.brief) address.searchParams.set("research", "1");
  const names = { collections: "collection", topics: "topic", languages: "lang", documents: "doc" };
  for (const [field, key] of Object.entries(names)) for (const value of turn.scope?.[field] ?? []) address.searchParams.append(key, value);
  for (const key of ["since", "until"]) if (turn.scope?.[key]) address.searchParams.set(key, turn.scope[key]);
  return address.href;
}
