// How a question is answered: in quotes or by a model, at once or as research.

import { $, h, remember } from "./dom.js";
import { t } from "./strings.js";

const KEY = "qa.model";

export function startModes(changed) {
  let models = [];
  let chosen = "";
  const research = $("q-research");
  try { chosen = localStorage.getItem(KEY) ?? ""; } catch { /* not kept */ }

  const model = () => models.find((one) => one.name === chosen);

  function draw() {
    $("q-models").hidden = models.length === 0;
    if (models.length) {
      const select = h("select", { id: "q-model", "aria-label": t("answers_are"), "aria-describedby": "q-privacy", on: { change: () => { chosen = select.value; remember(KEY, chosen); words(); changed(); } } },
        h("option", { value: "" }, t("quotes_only")), models.map((one) => h("option", { value: one.name }, t("written_by", one.label))));
      select.value = model() ? chosen : "";
      $("q-models").replaceChildren(select);
    }
    words();
  }

  function words() {
    const privacy = $("q-privacy");
    privacy.hidden = !model();
    privacy.textContent = model() ? (model().host ? t("leaves_host", model().host) : t("leaves_nothing")) : "";
    $("q-question").placeholder = t(wanted() ? "research_placeholder" : "placeholder");
    $("q-send").textContent = t(wanted() ? "research" : "ask");
  }

  const wanted = () => research.getAttribute("aria-pressed") === "true";
  research.addEventListener("click", () => { set(!wanted()); $("q-question").focus(); });

  function set(on) {
    research.setAttribute("aria-pressed", String(on));
    words();
    changed();
  }

  return {
    draw, set,
    know(offered) { models = offered; draw(); },
    label: () => model()?.label ?? "",
    value: () => ({ llm: model()?.name ?? "", research: wanted() }),
  };
}
