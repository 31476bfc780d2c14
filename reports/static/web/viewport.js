// One radiograph on a canvas: full depth, window, zoom, pan, boxes, heat map. Grey levels are computed here.
"use strict";

window.BilanViewport = class {
  constructor(figure, words) {
    this.figure = figure;
    this.words = words;
    this.canvas = figure.querySelector("canvas");
    this.state = figure.querySelector("[data-state]");
    this.rows = Number(figure.dataset.rows);
    this.columns = Number(figure.dataset.columns);
    this.boxes = JSON.parse(figure.dataset.boxes);
    this.show = { boxes: true, heat: false };
    this.invert = false;
    this.view = null;
    this.source = null;
    this.pending = false;
    new ResizeObserver(() => this.resized()).observe(figure);
    this.poster();
  }

  poster() {
    const image = new Image();
    image.onload = () => { if (!this.source) { this.source = image; this.draw(); } };
    image.src = this.figure.dataset.poster;
  }

  async load() {
    if (this.loading) return this.loading;
    this.loading = this.fetched().catch(() => { this.say(this.words.failed); });
    return this.loading;
  }

  async fetched() {
    this.say(this.words.loading);
    const answer = await fetch(this.figure.dataset.pixels);
    if (!answer.ok) throw new Error("no pixels");
    const head = JSON.parse(answer.headers.get("Bilan-Image"));
    const data = await answer.arrayBuffer();
    this.head = head;
    this.rows = head.rows;
    this.columns = head.columns;
    this.values = head.bits === 16 ? new Uint16Array(data) : new Uint8Array(data);
    this.window = { low: head.low, high: head.high };
    this.picture = new OffscreenCanvas(head.columns, head.rows);
    this.pixels = new ImageData(head.columns, head.rows);
    this.grey();
    this.figure.dataset.loaded = "yes";
    this.draw();
  }

  // A table from every value to a grey pixel; one write for each pixel.
  grey() {
    const size = this.head.bits === 16 ? 65536 : 256;
    const table = new Uint32Array(size);
    const { low, high } = this.window;
    const scale = 255 / Math.max(1e-6, high - low);
    for (let value = 0; value < size; value++) {
      let level = Math.max(0, Math.min(255, (value - low) * scale)) | 0;
      if (this.invert) level = 255 - level;
      table[value] = 0xff000000 | (level << 16) | (level << 8) | level;
    }
    const out = new Uint32Array(this.pixels.data.buffer);
    const values = this.values;
    for (let index = 0; index < out.length; index++) out[index] = table[values[index]];
    this.picture.getContext("2d").putImageData(this.pixels, 0, 0);
    this.source = this.picture;
  }

  resized() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.figure.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.figure.clientHeight * ratio));
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.draw();
  }

  fitting() {
    return Math.min(this.canvas.width / this.columns, this.canvas.height / this.rows) * 0.98;
  }

  placed() {
    if (this.view) return this.view;
    const scale = this.fitting();
    return { scale, x: (this.canvas.width - this.columns * scale) / 2, y: (this.canvas.height - this.rows * scale) / 2 };
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.paint(); });
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.source) return;
    const { scale, x, y } = this.placed();
    const ratio = window.devicePixelRatio || 1;
    pen.imageSmoothingEnabled = scale < 4 * ratio;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.source, x, y, this.columns * scale, this.rows * scale);
    if (this.show.heat && this.heat) {
      pen.imageSmoothingEnabled = true;
      pen.drawImage(this.heat, x, y, this.columns * scale, this.rows * scale);
    }
    if (this.show.boxes) this.outline(pen, scale, x, y, ratio);
    this.tell(scale / ratio);
  }

  outline(pen, scale, x, y, ratio) {
    for (const [x0, y0, x1, y1] of this.boxes) {
      const frame = [x + x0 * scale, y + y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale];
      pen.lineWidth = 4 * ratio;
      pen.strokeStyle = "rgb(0 0 0 / 55%)";
      pen.strokeRect(...frame);
      pen.lineWidth = 2 * ratio;
      pen.strokeStyle = "#ffb000";
      pen.strokeRect(...frame);
    }
  }

  tell(zoom) {
    if (!this.head) return;
    const { slope, intercept } = this.head;
    let { low, high } = this.window;
    let width = high - low;
    let center = (low + high) / 2;
    if (slope !== null) { center = slope * center + intercept; width = Math.abs(slope) * width; }
    this.say(`W ${Math.round(width)}  C ${Math.round(center)}  ${Math.round(zoom * 100)} %`);
  }

  say(text) { this.state.textContent = text; }

  async toggleHeat(on) {
    this.show.heat = on;
    if (on && !this.heat && this.figure.dataset.heat) {
      const image = new Image();
      image.src = this.figure.dataset.heat;
      await image.decode().catch(() => {});
      if (image.width) this.heat = this.coloured(image);
    }
    this.draw();
  }

  // Cold is clear, hot is orange to red; drawn stretched edge to edge over the image.
  coloured(image) {
    const made = new OffscreenCanvas(image.width, image.height);
    const pen = made.getContext("2d");
    pen.drawImage(image, 0, 0);
    const found = pen.getImageData(0, 0, image.width, image.height);
    for (let index = 0; index < found.data.length; index += 4) {
      const heat = found.data[index] / 255;
      found.data[index] = 255;
      found.data[index + 1] = Math.round(190 - 150 * heat);
      found.data[index + 2] = 40;
      found.data[index + 3] = Math.round(170 * Math.min(1, heat * 1.3));
    }
    pen.putImageData(found, 0, 0);
    return made;
  }

  windowBy(dx, dy) {
    if (!this.head) return;
    const whole = this.head.high - this.head.low;
    const step = whole / 400;
    const width = Math.max(whole / 500, this.window.high - this.window.low + dx * step);
    const center = (this.window.high + this.window.low) / 2 - dy * step * -1;
    this.window = { low: center - width / 2, high: center + width / 2 };
    this.grey();
    this.draw();
  }

  panBy(dx, dy) {
    const ratio = window.devicePixelRatio || 1;
    const view = { ...this.placed() };
    view.x += dx * ratio;
    view.y += dy * ratio;
    this.view = view;
    this.draw();
  }

  // Zoom about a point of the figure (CSS pixels), which stays where it is.
  zoomBy(factor, at) {
    const ratio = window.devicePixelRatio || 1;
    const from = this.placed();
    const scale = Math.max(this.fitting() / 4, Math.min(16 * ratio, from.scale * factor));
    const point = at || { x: this.canvas.width / ratio / 2, y: this.canvas.height / ratio / 2 };
    const real = scale / from.scale;
    this.view = { scale, x: point.x * ratio - (point.x * ratio - from.x) * real, y: point.y * ratio - (point.y * ratio - from.y) * real };
    this.draw();
  }

  fit() { this.view = null; this.draw(); }

  one() {
    const ratio = window.devicePixelRatio || 1;
    this.zoomBy(ratio / this.placed().scale);
  }

  turn(on) {
    this.invert = on;
    if (this.head) { this.grey(); this.draw(); }
  }

  reset() {
    this.invert = false;
    if (this.head) { this.window = { low: this.head.low, high: this.head.high }; this.grey(); }
    this.fit();
  }
};
