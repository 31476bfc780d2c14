// Lists whose order counts: the arrows move an entry; what is sent is in the order in which it stands.
"use strict";

for (const movers of document.querySelectorAll(".movers")) movers.hidden = false;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  const entry = button.closest("li");
  const up = button.dataset.move === "up";
  const other = up ? entry.previousElementSibling : entry.nextElementSibling;
  if (!other) return;
  if (up) other.before(entry);
  else other.after(entry);
  button.focus();
  entry.scrollIntoView({ block: "nearest" });
});
