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
  document.documentElement.lang = language;
})();
