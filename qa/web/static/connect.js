// Runs inside each Gradio part when it is drawn, and hands it to main.js, which may load later.
const root = element.querySelector("[data-part]");
(window.qaParts ??= []).push({
  name: root.dataset.part,
  root,
  props,
  server,
  watch,
  submit: (data) => trigger("submit", data),
  stop: () => trigger("stop", {}),
});
window.dispatchEvent(new Event("qa:part"));
