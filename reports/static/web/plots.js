// The charts of a page: each is drawn when it comes near the screen, from the figure that the server gave it.
"use strict";

(() => {
  const settings = { displayModeBar: false, responsive: true, showTips: false };

  function draw(place) {
    const figure = JSON.parse(place.dataset.figure);
    place.removeAttribute("data-figure");
    const inner = document.createElement("div");
    place.append(inner);
    window.Plotly.newPlot(inner, figure.data, figure.layout, settings).then(() => {
      place.dataset.drawn = "yes";
      // What scrolls can be scrolled by keys.
      if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    });
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "400px" });
  const fonts = [400, 600].map((weight) => document.fonts.load(`${weight} 12px Inter`));
  Promise.allSettled(fonts).then(() => {
    for (const place of document.querySelectorAll("[data-figure]")) near.observe(place);
  });
  window.addEventListener("beforeprint", () => {
    for (const place of document.querySelectorAll("[data-figure]")) { near.unobserve(place); draw(place); }
  });
})();
