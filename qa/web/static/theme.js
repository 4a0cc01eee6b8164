// Runs before the first paint, so that the page never flashes in the wrong colours or language.
(() => {
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = read("qa.theme");
    document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
  const language = read("qa.language") || ((navigator.languages?.[0] || navigator.language || "en").startsWith("zh") ? "zh" : "en");
  // Gradio sets lang too, sometimes later than this, so the choice stands in an attribute of its own.
  const say = () => { if (document.documentElement.lang !== document.documentElement.dataset.language) document.documentElement.lang = document.documentElement.dataset.language; };
  document.documentElement.dataset.language = language;
  new MutationObserver(say).observe(document.documentElement, { attributeFilter: ["lang", "data-language"] });
  say();
})();
