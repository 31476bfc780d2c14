// The colours of the site, from what the server wrote: a style attribute would be refused by the page's policy.
"use strict";

(() => {
  const root = document.documentElement;
  root.style.setProperty("--accent", root.dataset.accent);
  root.style.setProperty("--tint", root.dataset.tint);
})();
