// Sets light or dark before the page is drawn: the choice of this browser, else that of its system.
"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("studio.theme");
    } catch {
      return null; // storage is disabled
    }
  };
  const apply = () => {
    document.documentElement.dataset.bsTheme = chosen() ?? (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    if (!select) return;
    select.value = chosen() ?? "";
    select.addEventListener("change", () => {
      try {
        if (select.value) localStorage.setItem("studio.theme", select.value);
        else localStorage.removeItem("studio.theme");
      } catch {
        // The choice holds for this page only.
      }
      document.documentElement.dataset.bsTheme = select.value || (dark.matches ? "dark" : "light");
    });
  });
})();
