// Verdicts: each click gets a key of its own and is sent until the server has it; what colleagues say appears here.
"use strict";

(() => {
  const WAITING = "bilan-verdicts";
  const form = document.querySelector("[data-judge]");
  const told = form.querySelector("[data-sent]");
  const panel = () => document.getElementById("verdicts");
  const token = () => document.querySelector('meta[name="csrf"]').content;
  let etag = "";
  let sending = false;

  const key = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  // Kept in this tab until it is sent: a reload or a lost connection loses nothing.
  const waiting = () => JSON.parse(sessionStorage.getItem(WAITING) || "[]");
  const keep = (list) => sessionStorage.setItem(WAITING, JSON.stringify(list));
  const say = (name, text) => { told.textContent = text; told.dataset.state = name; };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-queue]")) return;
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target, event.submitter));
    delete fields.csrf;
    fields.key = key();
    if (event.submitter) event.submitter.disabled = true;  // a double click is one click
    setTimeout(() => { if (event.submitter) event.submitter.disabled = false; }, 1200);
    const undo = event.target !== form;
    keep([...waiting(), { undo, page: location.pathname, to: undo ? event.target.action : form.action, fields }]);
    send();
  });

  function show(html, tag) {
    const focused = panel().contains(document.activeElement);
    panel().outerHTML = html;
    etag = tag || "";
    form.action = panel().dataset.post;
    if (focused) form.querySelector("button").focus();
  }

  // The form says what counts of mine: after an undo, what I had said before it.
  function fill() {
    const { mine, recall, comment } = panel().dataset;
    for (const choice of form.querySelectorAll("[name=verdict]")) {
      if (mine) choice.setAttribute("aria-pressed", String(choice.value === mine));
      else choice.removeAttribute("aria-pressed");
    }
    form.elements.recall.checked = recall === "yes";
    form.elements.comment.value = comment;
  }

  // Whoever signed in again has another session: its anti-forgery value is on any page of it.
  async function renew() {
    const page = new DOMParser().parseFromString(await (await fetch(form.dataset.renew)).text(), "text/html");
    const fresh = page.querySelector('meta[name="csrf"]')?.content;
    if (!fresh || fresh === token()) return false;
    document.querySelector('meta[name="csrf"]').content = fresh;
    return true;
  }

  async function send() {
    if (sending) return;
    sending = true;
    try {
      while (waiting().length) {
        const [first, ...rest] = waiting();
        say("sending", form.dataset.sending);
        // An address of this page may have grown old while it waited: the newest one is in the form.
        const here = first.page === location.pathname;
        const to = here && !first.undo ? form.action : first.to;
        const body = new URLSearchParams(first.fields);
        const answer = await fetch(to, { method: "POST", body, headers: { "X-CSRF-Token": token(), "HX-Request": "true" } });
        if (answer.status === 403 && await renew()) continue;
        if (answer.status === 401) { say("kept", form.dataset.signedOut); break; }
        if (answer.status >= 500 || answer.status === 429) throw new Error("later");
        keep(rest);
        if (!answer.ok) { say("refused", form.dataset.refused); continue; }
        if (here) {
          show(await answer.text(), answer.headers.get("ETag"));
          fill();
        }
        say("saved", form.dataset.saved);
      }
    } catch {
      say("kept", form.dataset.waiting);
    } finally {
      sending = false;
    }
  }

  async function poll() {
    if (waiting().length) await send();
    if (document.hidden || waiting().length) return;
    try {
      const answer = await fetch(panel().dataset.poll, { headers: { "If-None-Match": etag, "HX-Request": "true" } });
      if (answer.status === 200) show(await answer.text(), answer.headers.get("ETag"));
    } catch { /* the next one will tell */ }
  }

  window.addEventListener("beforeunload", (event) => { if (waiting().length) event.preventDefault(); });
  window.addEventListener("online", poll);
  setInterval(poll, 5000);
  for (const choice of form.querySelectorAll("[data-key]")) window.bilanKeys.on(choice.dataset.key, () => choice.click());
  send();
})();
