// The whole document in a sheet at the side, with the quote in view.

import { $, h, outside, reveal, segments } from "./dom.js";
import { dateText, languageName, t, topicName } from "./strings.js";

export function startReader(page) {
  const dialog = $("q-reader");
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  async function open(id, start = -1, end = -1) {
    const document_ = await page.call("read", { id, start, end });
    dialog.replaceChildren(document_.error ? failure(document_.error) : content(document_));
    if (!dialog.open) dialog.showModal();
    dialog.querySelector(".q-reader-body")?.scrollTo({ top: 0 });
    const quote = dialog.querySelector("mark");
    if (quote) quote.scrollIntoView({ block: "center" });
    $("q-reader-title").focus();
  }

  function header(title, ...rest) {
    return h("header", { class: "q-reader-head" },
      h("div", {}, h("h2", { id: "q-reader-title", tabindex: "-1" }, title), ...rest),
      h("button", { type: "button", class: "q-quiet", on: { click: () => dialog.close() } }, t("close")));
  }

  function failure(message) {
    return h("div", {}, header(t("failed_answer")), h("p", { class: "q-reader-body" }, message));
  }

  function content(doc) {
    const facts = [topicName(doc.topic), languageName(doc.language), t("as_of", dateText(doc.as_of))].join(" · ");
    const ask = h("button", { type: "button", class: "q-quiet is-accent", on: { click: () => { dialog.close(); page.ask.only([doc]); } } }, t("reader_ask"));
    return h("div", { class: "q-reader-sheet" },
      header(doc.title, h("p", { class: "q-meta" }, facts), ask),
      h("div", { class: "q-reader-body", tabindex: "0", lang: doc.language, role: "document", "aria-labelledby": "q-reader-title" },
        doc.sections.map((section) => h("section", {},
          section.heading ? h("h3", {}, section.heading) : null,
          section.paragraphs.map((paragraph) => h("p", { dir: "auto" }, segments(paragraph, { quote: mark, source: footnote }))))),
        h("h3", {}, t("sources")),
        h("ol", { class: "q-reader-sources" }, doc.sources.map((source, n) => h("li", { id: "q-source-" + (n + 1), tabindex: "-1" },
          h("span", { class: "q-publisher" }, source.publisher), ", ", outside(source.url, source.title), ", ", dateText(source.date))))));
  }

  const mark = (text) => h("mark", {}, text);

  function footnote(text) {
    return h("sup", {}, h("button", {
      type: "button", class: "q-footnote", "aria-label": t("footnote", text),
      on: { click: () => { const source = $("q-source-" + text); source.focus({ preventScroll: true }); reveal(source, "center"); } },
    }, text));
  }

  return { open };
}
