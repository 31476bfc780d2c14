// The list: keys, filters that apply at once, and rows that refresh themselves without moving the reader.
"use strict";

(() => {
  const holder = document.getElementById("rows");
  const news = document.querySelector("[data-news]");
  const offline = document.querySelector("[data-offline]");
  const links = () => [...holder.querySelectorAll("[data-row]")];
  const current = () => links().indexOf(document.activeElement.closest(".row")?.querySelector("[data-row]"));

  function go(place) {
    const all = links();
    const link = all[Math.max(0, Math.min(all.length - 1, place))];
    if (!link) return;
    link.focus({ preventScroll: true });
    link.closest(".row").scrollIntoView({ block: "nearest" });
  }

  const keys = window.bilanKeys;
  keys.on("j ArrowDown", () => go(current() + 1));
  keys.on("k ArrowUp", () => go(current() < 0 ? 0 : current() - 1));
  keys.on("g Home", () => go(0));
  keys.on("G End", () => go(Infinity));
  keys.on("r", () => refresh());
  keys.on("v", () => links()[current()]?.closest(".row").querySelector("[data-pacs]")?.click());

  document.querySelector("[data-print]").addEventListener("click", () => window.print());
  const form = document.querySelector("[data-filters]");
  // On a phone the first case comes before filters that nobody has set.
  if (window.matchMedia("(max-width: 720px)").matches && !location.search) form.closest("details").open = false;
  form.addEventListener("change", () => {
    // Addresses stay short: what is not chosen is not said.
    for (const field of form.elements) if (field.name) field.disabled = !field.value || (field.name === "nights" && field.value === "1") || (field.name === "status" && field.value === "all");
    form.submit();
  });

  // The case that was open is where the reader goes on.
  const seen = sessionStorage.getItem("bilan-row");
  if (seen) document.getElementById(seen)?.querySelector("[data-row]").focus({ preventScroll: false });
  holder.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row && event.target.closest("[data-row]")) sessionStorage.setItem("bilan-row", row.id);
  });

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(holder.dataset.rows, { headers: { "If-None-Match": holder.dataset.etag, "HX-Request": "true" } });
      offline.hidden = true;
      if (answer.status === 401) location.reload();
      if (answer.status !== 200) return;
      const row = document.activeElement.closest?.(".row")?.id;
      const place = window.scrollY;
      const before = links().length;
      holder.innerHTML = await answer.text();
      holder.dataset.etag = answer.headers.get("ETag");
      if (row) document.getElementById(row)?.querySelector("[data-row]").focus({ preventScroll: true });
      window.scrollTo(0, place);
      if (links().length !== before) news.textContent = news.dataset.text;
    } catch {
      offline.hidden = false;
    }
  }
  setInterval(refresh, 30000);
  document.addEventListener("visibilitychange", refresh);
})();
