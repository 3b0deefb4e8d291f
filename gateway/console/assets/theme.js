// Light, dark, or as the system is; chosen before the first paint and remembered in this browser.
(() => {
  const key = "kizashi-theme";
  const order = ["auto", "light", "dark"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem(key) || "auto"; } catch { return "auto"; }
  };
  const apply = () => {
    const theme = chosen();
    document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
    document.documentElement.dataset.chosen = theme;
  };
  dark.addEventListener("change", apply);
  window.nextTheme = () => {
    const next = order[(order.indexOf(chosen()) + 1) % order.length];
    try { localStorage.setItem(key, next); } catch { /* private window: the choice lasts as long as the page */ }
    apply();
  };
  apply();
})();
