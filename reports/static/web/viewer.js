// The viewer: tools, pointers (mouse, pen, fingers), wheel and keys over one or more radiographs.
"use strict";

(() => {
  const viewer = document.querySelector("[data-viewer]");
  const stage = viewer.querySelector("[data-stage]");
  const figures = [...viewer.querySelectorAll("[data-port]")];
  const ports = figures.map((figure) => new window.BilanViewport(figure, viewer.dataset));
  const button = (name) => viewer.querySelector(`[data-do="${name}"]`);
  const pressed = (name) => button(name)?.getAttribute("aria-pressed") === "true";
  let tool = "window";
  let active = 0;
  let every = ports.length > 1;

  function layout() {
    const shown = every ? figures : [figures[active]];
    figures.forEach((figure, index) => {
      figure.hidden = !shown.includes(figure);
      figure.classList.toggle("active", index === active && ports.length > 1);
      if (!figure.hidden) ports[index].load();
    });
    stage.dataset.count = Math.min(shown.length, 4);
    button("all")?.setAttribute("aria-pressed", String(every));
    viewer.querySelectorAll("[data-view]").forEach((view, index) => view.setAttribute("aria-pressed", String(index === active)));
  }

  function choose(name) {
    tool = name;
    viewer.querySelectorAll("[data-tool]").forEach((item) => item.setAttribute("aria-pressed", String(item.dataset.tool === name)));
    stage.dataset.tool = name;
  }

  const doing = {
    invert: () => { const on = !pressed("invert"); button("invert").setAttribute("aria-pressed", String(on)); ports.forEach((port) => port.turn(on)); },
    fit: () => ports.forEach((port) => port.fit()),
    one: () => ports[active]?.one(),
    reset: () => { button("invert").setAttribute("aria-pressed", "false"); ports.forEach((port) => port.reset()); },
    boxes: () => { const on = !pressed("boxes"); button("boxes").setAttribute("aria-pressed", String(on)); ports.forEach((port) => { port.show.boxes = on; port.draw(); }); },
    heat: () => { const on = !pressed("heat"); button("heat").setAttribute("aria-pressed", String(on)); ports.forEach((port) => port.toggleHeat(on)); },
    all: () => { every = !every; layout(); },
  };
  viewer.addEventListener("click", (event) => {
    const pushed = event.target.closest("button");
    if (!pushed) return;
    if (pushed.dataset.tool) choose(pushed.dataset.tool);
    if (pushed.dataset.do) doing[pushed.dataset.do]();
    if (pushed.dataset.view) turnTo(Number(pushed.dataset.view));
  });

  function turnTo(index) {
    active = (index + ports.length) % ports.length;
    if (!every || stage.dataset.count === "1") every = false;
    layout();
    figures[active].focus({ preventScroll: true });
  }

  figures.forEach((figure, index) => {
    const port = ports[index];
    const fingers = new Map();
    const place = (event) => { const box = figure.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
    let spread = 0;

    figure.addEventListener("focus", () => { active = index; layout(); });
    figure.addEventListener("contextmenu", (event) => event.preventDefault());
    figure.addEventListener("dblclick", () => port.fit());
    figure.addEventListener("wheel", (event) => {
      event.preventDefault();
      port.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), place(event));
    }, { passive: false });
    figure.addEventListener("pointerdown", (event) => {
      figure.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { ...place(event), button: event.button, shift: event.shiftKey });
      spread = 0;
    });
    figure.addEventListener("pointermove", (event) => {
      const from = fingers.get(event.pointerId);
      if (!from) return;
      const to = place(event);
      const [dx, dy] = [to.x - from.x, to.y - from.y];
      Object.assign(from, to);
      if (fingers.size === 2) {
        const [one, two] = [...fingers.values()];
        const now = Math.hypot(one.x - two.x, one.y - two.y);
        if (spread) port.zoomBy(now / spread, { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 });
        spread = now;
        port.panBy(dx / 2, dy / 2);
        return;
      }
      const use = from.button === 2 || from.button === 1 || from.shift ? "pan" : tool;
      if (use === "window") port.windowBy(dx, dy);
      else if (use === "pan") port.panBy(dx, dy);
      else port.zoomBy(Math.exp(-dy * 0.01));
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      figure.addEventListener(kind, (event) => { fingers.delete(event.pointerId); spread = 0; });
    }
  });

  const keys = window.bilanKeys;
  for (const [key, name] of Object.entries({ i: "invert", f: "fit", 1: "one", 0: "reset", b: "boxes", h: "heat", a: "all" })) {
    keys.on(key, () => { if (button(name) && !button(name).disabled) doing[name](); });
  }
  for (const [key, name] of Object.entries({ w: "window", m: "pan", z: "zoom" })) keys.on(key, () => choose(name));
  keys.on("+ =", () => ports[active]?.zoomBy(1.25));
  keys.on("- _", () => ports[active]?.zoomBy(0.8));
  keys.on("]", () => turnTo(active + 1));
  keys.on("[", () => turnTo(active - 1));
  keys.on("n", () => document.querySelector("[data-next]")?.click());
  keys.on("p", () => document.querySelector("[data-before]")?.click());
  keys.on("v", () => document.querySelector("[data-pacs]")?.click());
  keys.on("Escape", () => document.querySelector("[data-back]").click());
  choose("window");
  if (ports.length) layout();
})();
