// Before plotly.js is loaded: what it would write into style attributes and style elements, which the page's
// Content-Security-Policy refuses, goes through the object model, which the policy leaves to scripts.
"use strict";

(() => {
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else set.call(this, name, value);
  };
  // plotly.js brings the styles of its maps, of which we have none; its own rules are in plots.css.
  const make = document.createElement;
  document.createElement = function (name, ...rest) {
    return make.call(document, name === "style" ? "template" : name, ...rest);
  };
})();
