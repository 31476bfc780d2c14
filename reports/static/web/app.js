// Small enhancements; every page works without them.
"use strict";

// htmx: each request that changes something carries the anti-forgery value of the page.
document.addEventListener("htmx:config:request", (event) => {
  const value = document.querySelector('meta[name="csrf"]');
  if (value) event.detail.ctx.request.headers["X-CSRF-Token"] = value.content;
});

// Menus close with Escape, and when the focus or the pointer goes elsewhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.drop[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, (event) => {
    for (const menu of document.querySelectorAll("details.drop[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
}

// Forms that undo someone's work ask first: <form data-confirm="...">.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
