// Runs before the first paint. The key and its values are those of Django's admin, so both agree.
(() => {
  const root = document.documentElement;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const names = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };

  function stored() {
    try {
      const theme = localStorage.getItem("theme");
      return theme in names ? theme : "auto";
    } catch {
      return "auto"; // storage is refused: the system's theme it is
    }
  }

  function apply() {
    const theme = stored();
    root.dataset.theme = theme;
    root.classList.toggle("dark", theme === "dark" || (theme === "auto" && systemIsDark.matches));
  }

  function label() {
    for (const button of document.querySelectorAll("[data-theme-button]")) {
      button.querySelector("[data-theme-text]").textContent = names[stored()];
      button.setAttribute("aria-label", names[stored()]);
      for (const icon of button.querySelectorAll("[data-theme-icon]")) {
        icon.hidden = icon.dataset.themeIcon !== stored();
      }
    }
  }

  apply();
  systemIsDark.addEventListener("change", apply);
  addEventListener("storage", () => { apply(); label(); });
  document.addEventListener("DOMContentLoaded", label);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-button]")) return;
    const order = systemIsDark.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    try { localStorage.setItem("theme", order[(order.indexOf(stored()) + 1) % 3]); } catch { return; }
    apply();
    label();
  });
})();
