// Joins the parts of the page once Gradio has drawn them all.

import { $, h, remember, sentence } from "./dom.js";
import { language, t, translate } from "./strings.js";
import { startAsk } from "./ask.js";
import { startExplore } from "./explore.js";
import { startLibrary } from "./library.js";
import { startReader } from "./reader.js";

const PARTS = ["masthead", "ask", "explore", "library", "reader"];
const VIEWS = ["ask", "explore", "library"];

/** What the modules share: the server's functions, the views, and who listens to what. */
class Page {
  constructor(parts) {
    this.parts = parts;
    this.status = { state: "loading" };
    this.session = { user: "", read_only: true, max_files: 1, max_file_mb: 1 };
    this.listeners = { language: [], ready: [], view: [], documents: [] };
  }

  /** Call a function of handlers.py; an error comes back as {error}. */
  async call(name, sent = {}) {
    try {
      return await this.parts.ask.server["page_" + name](sent);
    } catch {
      return { error: await this.trouble() };
    }
  }

  /** Send JSON to a route of the server; an error comes back as {error}. */
  async post(path, sent) {
    try {
      const answer = await fetch(new URL(path, document.baseURI), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) });
      return answer.status === 401 || answer.status === 429 ? { error: await this.trouble(answer.status) } : await answer.json();
    } catch {
      return { error: t("connection") };
    }
  }

  /** Say why a call failed; where the log-in has ended, its page comes up. */
  async trouble(status) {
    try {
      const code = status ?? (await fetch(new URL("session", document.baseURI))).status;
      if (code === 401) location.reload();
      return t(code === 429 ? "too_fast" : code === 401 ? "logged_out" : "connection");
    } catch {
      return t("connection");
    }
  }

  on(event, listener) { this.listeners[event].push(listener); }

  tell(event, value) { for (const listener of this.listeners[event]) listener(value); }

  get ready() { return this.status.state === "ready"; }

  show(view, focus = true) {
    if (!VIEWS.includes(view)) return;
    this.view = view;
    for (const name of VIEWS) {
      $("q-view-" + name).classList.toggle("is-current", name === view);
      const tab = document.querySelector(`#q-nav [data-view=${name}]`);
      if (name === view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    const address = new URL(location.href);
    if (view === "ask") address.searchParams.delete("view");
    else address.searchParams.set("view", view);
    history.replaceState(null, "", address);
    if (focus) scrollTo({ top: 0 });
    this.tell("view", view);
  }
}

function startMasthead(page) {
  $("q-nav").addEventListener("click", (event) => {
    const tab = event.target.closest("[data-view]");
    if (tab) page.show(tab.dataset.view);
  });
  document.querySelector(".q-skip").addEventListener("click", (event) => {
    event.preventDefault(); // Gradio's <base> would turn the link into a reload
    page.show("ask");
    $("q-question").focus();
  });
  $("q-language").addEventListener("click", () => {
    document.documentElement.dataset.language = language() === "zh" ? "en" : "zh";
    remember("qa.language", language());
    words(page);
    page.tell("language");
  });
  $("q-theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    remember("qa.theme", next);
    words(page);
  });
  words(page);
}

async function knowSession(page) {
  const answer = await fetch(new URL("session", document.baseURI));
  if (answer.ok) page.session = await answer.json();
  $("q-account").hidden = !page.session.user;
  $("q-user").textContent = page.session.user;
}

function words(page) {
  for (const part of Object.values(page.parts)) translate(part.root);
  document.title = t("title");
  $("q-nav").setAttribute("aria-label", t("sections"));
  const other = $("q-language");
  other.textContent = language() === "zh" ? "English" : "中文";
  other.lang = language() === "zh" ? "en" : "zh";
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  $("q-theme").textContent = t("theme_" + next);
  $("q-theme").setAttribute("aria-label", t("theme_label", t("theme_" + next)));
  showStatus(page.status);
}

function showStatus(status) {
  const texts = { loading: t("loading"), building: t("building", status.done, status.total), ready: "", failed: sentence(status.error) };
  const place = $("q-status");
  place.replaceChildren();
  place.classList.toggle("is-failed", status.state === "failed");
  if (status.state === "building" && status.total) place.append(h("progress", { max: status.total, value: status.done, "aria-label": texts.building }));
  place.append(texts[status.state] ?? "");
}

async function follow(page) {
  for (;;) {
    const status = await page.call("status");
    if (status.state) {
      const changed = page.status.state !== status.state;
      page.status = status;
      showStatus(status);
      if (changed && status.state === "ready") page.tell("ready");
      if (status.state === "ready" || status.state === "failed") return;
    }
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

async function start() {
  const parts = Object.fromEntries((window.qaParts ?? []).filter((p) => p.root.isConnected).map((p) => [p.name, p]));
  if (PARTS.some((name) => !parts[name])) return;
  removeEventListener("qa:part", start);
  const page = new Page(parts);
  startMasthead(page);
  await knowSession(page).catch(() => {}); // what may be changed stays hidden then
  page.reader = startReader(page);
  page.ask = startAsk(page);
  startExplore(page);
  page.library = startLibrary(page);
  page.show(new URL(location.href).searchParams.get("view") ?? "ask", false);
  follow(page);
  document.documentElement.dataset.qa = "started";
}

addEventListener("qa:part", start);
start();
