// Light, dark, or as the system is; chosen before the first paint and remembered in this browser.
(() => {
  const key = "kizashi-sandbox-theme";
  const order = ["auto", "light", "dark"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let theme = "auto";
  try { theme = localStorage.getItem(key) ?? "auto"; } catch { /* no storage: the choice lasts as long as the page */ }
  const apply = () => {
    document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  };
  window.nextTheme = () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    try { localStorage.setItem(key, theme); } catch { /* as above */ }
    apply();
    return theme;
  };
  dark.addEventListener("change", apply);
  apply();
})();
