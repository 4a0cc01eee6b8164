// The whole document in a sheet at the side, with the quote in view; of a PDF its pages as pictures too.

import { $, h, outside, reveal, segments } from "./dom.js";
import { collectionName, dateText, day, languageName, number, t, topicName } from "./strings.js";

export function startReader(page) {
  const dialog = $("q-reader");
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  async function open(id, start = -1, end = -1, quote = "") {
    const document_ = await page.call("read", { id, start, end, quote });
    dialog.replaceChildren(document_.error ? failure(document_.error) : content(document_));
    if (!dialog.open) dialog.showModal();
    dialog.querySelector(".q-reader-body")?.scrollTo({ top: 0 });
    showMark();
    $("q-reader-title").focus();
  }

  const showMark = () => dialog.querySelector("mark")?.scrollIntoView({ block: "center" });

  function header(title, ...rest) {
    return h("header", { class: "q-reader-head" },
      h("div", {}, h("h2", { id: "q-reader-title", tabindex: "-1", dir: "auto" }, title), ...rest),
      h("button", { type: "button", class: "q-quiet", on: { click: () => dialog.close() } }, t("close")));
  }

  function failure(message) {
    return h("div", {}, header(t("failed_answer")), h("p", { class: "q-reader-body" }, message));
  }

  function content(doc) {
    const { file } = doc;
    const facts = [topicName(doc.topic), languageName(doc.language), doc.as_of ? t("as_of", dateText(doc.as_of)) : "", file ? collectionName(doc.collection) : "", file ? t("added_on", day(file.added)) : ""].filter(Boolean).join(" · ");
    const ask = h("button", { type: "button", class: "q-quiet is-accent", on: { click: () => { dialog.close(); page.ask.only([doc]); } } }, t("reader_ask"));
    const body = h("div", { class: "q-reader-body", tabindex: "0", lang: doc.language, role: "document", "aria-labelledby": "q-reader-title" }, text(doc));
    return h("div", { class: "q-reader-sheet" },
      header(doc.title,
        file && (file.url || file.name) !== doc.title ? h("p", { class: "q-meta q-file", dir: "auto" }, outside(file.url, file.url || file.name)) : null,
        h("p", { class: "q-meta" }, facts),
        h("div", { class: "q-reader-tools" }, ask, file?.pictures ? views(doc, body) : null)),
      doc.changed ? h("p", { class: "q-reader-note", role: "status" }, t("reader_changed")) : null,
      body);
  }

  /** The switch between the text and the pictures of the pages. */
  function views(doc, body) {
    let at = Math.max(0, doc.file.pages.indexOf(doc.file.page));
    const name = () => t("page_n", number(doc.file.pages[at]));
    const asText = h("button", { type: "button", class: "q-tool", "aria-pressed": "true", on: { click: () => turn(false) } }, t("reader_text"));
    const asPage = h("button", { type: "button", class: "q-tool", "aria-pressed": "false", on: { click: () => turn(true) } }, name());
    function turn(picture) {
      asText.setAttribute("aria-pressed", String(!picture));
      asPage.setAttribute("aria-pressed", String(picture));
      asPage.textContent = name();
      body.classList.toggle("is-picture", picture);
      body.replaceChildren(...[picture ? figure() : text(doc)].flat());
      body.scrollTo({ top: 0 });
      if (!picture) showMark();
    }
    function figure() {
      const address = new URL("library/picture", document.baseURI);
      for (const [key, value] of Object.entries({ id: doc.id, page: doc.file.pages[at], width: Math.round(Math.min(1600, 720 * devicePixelRatio)), v: doc.file.version })) address.searchParams.set(key, value);
      const picture = h("img", { src: address.href, alt: t("page_picture", number(doc.file.pages[at]), doc.title), width: 720, height: 1018, on: { error: () => picture.replaceWith(h("p", { class: "q-problem" }, t("page_none"))), load: () => { picture.removeAttribute("height"); } } });
      const step = (by, words) => h("button", { type: "button", class: "q-tool", disabled: !(at + by in doc.file.pages), on: { click: () => { at += by; turn(true); } } }, words);
      return h("figure", { class: "q-picture" },
        h("figcaption", {}, step(-1, t("page_before")), h("span", { class: "q-meta q-number" }, t("page_of", number(doc.file.pages[at]), number(doc.file.pages.at(-1)))), step(1, t("page_after"))),
        picture);
    }
    return h("span", { class: "q-reader-views", role: "group", "aria-label": t("reader_views") }, asText, asPage);
  }

  function text(doc) {
    let last = null;
    const sections = doc.sections.map((section) => {
      const turned = section.page && section.page !== last;
      last = section.page ?? last;
      return h("section", {},
        turned ? h("p", { class: "q-page-mark q-meta" }, t("page_n", number(section.page))) : null,
        section.heading ? h("h3", { dir: "auto" }, section.heading) : null,
        section.paragraphs.map((paragraph) => h("p", { dir: "auto" }, segments(paragraph, { quote: mark, source: footnote }))));
    });
    if (!doc.sources.length) return sections;
    return [...sections,
      h("h3", {}, t("sources")),
      h("ol", { class: "q-reader-sources" }, doc.sources.map((source, n) => h("li", { id: "q-source-" + (n + 1), tabindex: "-1" },
        h("span", { class: "q-publisher" }, source.publisher), ", ", outside(source.url, source.title), ", ", dateText(source.date))))];
  }

  const mark = (words) => h("mark", {}, words);

  function footnote(words) {
    return h("sup", {}, h("button", {
      type: "button", class: "q-footnote", "aria-label": t("footnote", words),
      on: { click: () => { const source = $("q-source-" + words); source.focus({ preventScroll: true }); reveal(source, "center"); } },
    }, words));
  }

  return { open };
}
