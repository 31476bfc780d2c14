// Single keys, and the dialog that explains them. They can be turned off (WCAG 2.1.4), on this machine.
"use strict";

window.bilanKeys = (() => {
  const NAME = "bilan-keys";
  const actions = new Map();
  const dialog = document.querySelector("[data-keys]");
  const enabled = () => localStorage.getItem(NAME) !== "off";

  for (const button of document.querySelectorAll("[data-help]")) {
    button.addEventListener("click", () => dialog.showModal());
  }
  const box = document.querySelector("[data-keys-on]");
  if (box) {
    box.checked = enabled();
    box.addEventListener("change", () => localStorage.setItem(NAME, box.checked ? "on" : "off"));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    if (event.key === "?") { dialog.showModal(); return; }
    const action = actions.get(event.key);
    if (action && enabled()) { event.preventDefault(); action(event); }
  });
  return { on: (keys, action) => { for (const key of keys.split(" ")) actions.set(key, action); } };
})();
