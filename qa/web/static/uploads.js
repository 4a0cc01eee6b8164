// Adding documents: choosing or dropping files, an address, and what became of each.

import { $, h, sentence } from "./dom.js";
import { has, number, size, t } from "./strings.js";

const KINDS = ".pdf,.docx,.pptx,.xlsx,.csv,.tsv,.epub,.html,.htm,.md,.markdown,.txt,.json,.jsonl";

/** around: {collections(), changed()} */
export function startUploads(page, around) {
  const state = { batches: [], collection: "library", address: "" };
  const element = h("div", { class: "q-add" });
  let inside = 0;

  function draw() {
    const known = ["library", ...around.collections().map((one) => one.name)].filter((name, n, all) => all.indexOf(name) === n);
    element.replaceChildren(
      h("label", { class: "q-drop", id: "q-drop", for: "q-files" },
        h("span", { class: "q-drop-title" }, t("drop_title"), " ", h("span", { class: "q-drop-link" }, t("drop_choose"))),
        h("span", { class: "q-meta" }, t("drop_kinds", number(page.session.max_file_mb ?? 50))),
        h("input", { type: "file", id: "q-files", class: "q-drop-input", multiple: true, accept: KINDS, on: { change: (event) => { send([...event.target.files]); event.target.value = ""; } } })),
      h("form", { class: "q-add-side", novalidate: true, on: { submit: (event) => { event.preventDefault(); fetchAddress(); } } },
        h("label", { class: "q-filter" }, h("span", {}, t("add_address")),
          h("span", { class: "q-add-row" },
            h("input", { type: "url", id: "q-address", value: state.address, placeholder: "https://", autocomplete: "off", on: { input: (event) => { state.address = event.target.value; } } }),
            h("button", { type: "submit", class: "q-button" }, t("add")))),
        h("label", { class: "q-filter" }, h("span", {}, t("collection")),
          h("input", { type: "text", id: "q-collection", list: "q-collection-names", maxlength: 40, value: state.collection, on: { change: (event) => { state.collection = event.target.value.trim().replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+/, "") || "library"; event.target.value = state.collection; } } }),
          h("datalist", { id: "q-collection-names" }, known.map((name) => h("option", { value: name }))))),
      h("div", { class: "q-batches", id: "q-batches" }));
    drawBatches();
  }

  // Dropping: anywhere on the view counts, so that a near miss does not open the file in the browser.
  const view = $("q-view-library");
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files") && !page.session.read_only;
  const point = (on) => $("q-drop")?.classList.toggle("is-over", on);
  view.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { event.preventDefault(); inside += 1; point(true); } });
  view.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  view.addEventListener("dragleave", (event) => { if (carriesFiles(event)) { inside = Math.max(0, inside - 1); point(inside > 0); } });
  view.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside = 0;
    point(false);
    send([...event.dataTransfer.files]);
  });

  addEventListener("beforeunload", (event) => { if (state.batches.some((one) => one.phase === "sending")) event.preventDefault(); });

  // Sending

  function begin(names) {
    const batch = { phase: "sending", share: 0, note: "", results: names.map((name) => ({ name, status: "" })), error: "", stop: null };
    state.batches.unshift(batch);
    drawBatches();
    return batch;
  }

  function send(files) {
    if (!files.length) return;
    const { max_files: most, max_file_mb: largest } = page.session;
    for (let at = 0; at < files.length; at += most) { // more than one upload may carry go one after the other
      const part = files.slice(at, at + most);
      const batch = begin(part.map((file) => file.name));
      const fits = part.filter((file, n) => {
        if (file.size <= largest * 1e6) return true;
        Object.assign(batch.results[n], { status: "refused", message: t("too_big", size(file.size), number(largest)) });
        return false;
      });
      if (!fits.length) { batch.phase = "done"; drawBatches(); continue; }
      const form = new FormData();
      for (const file of fits) form.append("files", file, file.name);
      queue(() => deliver(batch, "library/files?collection=" + encodeURIComponent(state.collection), form));
    }
  }

  let last = Promise.resolve();
  const queue = (call) => { last = last.then(call, call); };

  function fetchAddress() {
    const url = state.address.trim();
    if (!/^https?:\/\/[^\s]+$/i.test(url)) {
      const batch = begin([url || "https://"]);
      Object.assign(batch.results[0], { status: "refused", message: t("not_address") });
      batch.phase = "done";
      drawBatches();
      $("q-address").focus();
      return;
    }
    state.address = "";
    $("q-address").value = "";
    const batch = begin([url]);
    batch.phase = "fetching";
    queue(() => deliver(batch, "library/address", JSON.stringify({ url, collection: state.collection }), "application/json"));
  }

  function deliver(batch, path, body, type = "") {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      let read = 0;
      const hear = () => {
        const lines = request.responseText.slice(read).split("\n");
        read = request.responseText.length - lines.pop().length;
        if (request.status === 200) for (const line of lines) if (line) step(batch, JSON.parse(line));
      };
      request.open("POST", new URL(path, document.baseURI));
      if (type) request.setRequestHeader("Content-Type", type);
      request.upload.onprogress = (event) => { batch.share = event.lengthComputable ? event.loaded / event.total : 0; drawBatches(); };
      request.upload.onload = () => { if (batch.phase === "sending") { batch.phase = "reading"; batch.share = 0; batch.stop = null; drawBatches(); } };
      request.onprogress = hear;
      request.onload = () => { hear(); if (request.status !== 200) fail(batch, reason(request)); };
      request.onerror = () => fail(batch, t("connection"));
      request.onabort = () => fail(batch, t("stopped"));
      request.onloadend = () => {
        if (batch.phase !== "done") fail(batch, batch.error || t("connection"));
        resolve();
        around.changed();
      };
      if (batch.phase === "sending") batch.stop = () => request.abort();
      request.send(body);
      drawBatches();
    });
  }

  function reason(request) {
    if (request.status === 401) location.reload();
    if (request.status === 413) return t("too_much");
    if (request.status === 429) return t("too_fast");
    try { return JSON.parse(request.responseText).error; } catch { return t("connection"); }
  }

  function step(batch, told) {
    if (told.step === "waiting") batch.phase = "waiting";
    if (told.step === "progress") Object.assign(batch, { phase: "reading", share: told.total ? told.done / told.total : 0, note: told.note });
    if (told.step === "failed") fail(batch, told.error || t("unexpected"));
    if (told.step === "done") {
      const open = batch.results.filter((one) => !one.status);
      told.results.forEach((result, n) => Object.assign(open[n] ?? {}, result));
      batch.phase = "done";
    }
    drawBatches();
  }

  function fail(batch, message) {
    if (batch.phase === "done") return;
    Object.assign(batch, { phase: "done", error: message });
    for (const one of batch.results) if (!one.status) Object.assign(one, { status: "refused", message });
    drawBatches();
  }

  // Drawing

  function drawBatches() {
    const place = $("q-batches");
    if (place) place.replaceChildren(...state.batches.map(batchElement));
  }

  function batchElement(batch) {
    const busy = batch.phase !== "done";
    return h("section", { class: "q-batch", "aria-busy": busy ? "true" : null },
      h("div", { class: "q-batch-head" },
        h("p", { class: "q-meta", role: "status" }, words(batch)),
        busy ? (batch.stop ? h("button", { type: "button", class: "q-quiet", on: { click: () => batch.stop() } }, t("stop")) : null)
          : h("button", { type: "button", class: "q-quiet", on: { click: () => { state.batches = state.batches.filter((one) => one !== batch); drawBatches(); } } }, t("close"))),
      busy ? h("progress", { class: "q-progress", max: 1, value: batch.share || null, "aria-label": words(batch) }) : null,
      h("ul", {}, batch.results.map((one) => h("li", { class: one.status ? "is-" + one.status : "is-open" },
        h("span", { class: "q-result-mark", "aria-hidden": "true" }, { added: "✓", updated: "✓", unchanged: "=", duplicate: "=", refused: "✕" }[one.status] ?? "…"),
        h("span", { class: "q-result-name", dir: "auto" }, one.name),
        h("span", { class: "q-result-words" }, result(one))))));
  }

  function words(batch) {
    if (batch.phase === "sending") return t("up_sending", number(batch.share, { style: "percent" }));
    if (batch.phase === "fetching") return t("up_fetching");
    if (batch.phase === "waiting") return t("up_waiting");
    if (batch.phase === "reading") return batch.share ? t("up_indexing", number(batch.share, { style: "percent" })) : t("up_reading");
    const good = batch.results.filter((one) => one.status && one.status !== "refused").length;
    return t("up_done", number(good), number(batch.results.length));
  }

  function result(one) {
    if (one.status === "added" || one.status === "updated") {
      return [t(`up_${one.status}${one.passages === 1 ? "_1" : ""}`, number(one.passages)), one.message ? ` · ${sentence(one.message)}` : "", " ",
        h("button", { type: "button", class: "q-quiet is-accent", on: { click: () => page.reader.open(one.document) } }, t("up_read"))];
    }
    if (one.status === "unchanged") return t("up_unchanged");
    if (one.status === "duplicate") return [t("up_duplicate", one.title), " ", one.document ? h("button", { type: "button", class: "q-quiet is-accent", on: { click: () => page.reader.open(one.document) } }, t("up_read")) : null];
    if (one.reason && has("refused_" + one.reason)) return t("refused_" + one.reason, number(page.session.max_file_mb));
    return one.status ? sentence(one.message) : "";
  }

  return { element, draw };
}
