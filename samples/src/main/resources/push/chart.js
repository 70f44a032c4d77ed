// A moving chart of the last 30 seconds. Its scale is that of the 99th percentile.

const SPAN_MS = 30_000;
const GAP_MS = 1_500;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20;

export class Chart {
  #canvas;
  #context;
  #values = []; // { time, value }, the oldest first
  #top = 1; // top of the scale, animated
  #style = {};
  #left = 30; // left edge of the plot, beside the widest number
  #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
    this.#fit();
    this.#loop();
  }

  add(time, value) {
    this.#values.push({ time, value });
    while (this.#values[0].time < time - SPAN_MS - GAP_MS) {
      this.#values.shift();
    }
  }

  /** Returns the median and the 99th percentile, or null if there are no values. */
  summary() {
    return this.#values.length === 0
      ? null
      : {
          typical: quantile(this.#values, 0.5),
          worst: quantile(this.#values, 0.99),
        };
  }

  /** Returns the median of the last second, or null if there are no values. */
  recent() {
    const since = performance.now() - 1_000;
    return quantile(this.#values.filter((v) => v.time > since), 0.5);
  }

  #fit() {
    const scale = devicePixelRatio || 1;
    const { width, height } = this.#canvas.getBoundingClientRect();
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    const style = getComputedStyle(this.#canvas);
    for (const name of ["accent", "accent-soft", "grid", "muted"]) {
      this.#style[name] = style.getPropertyValue(`--${name}`);
    }
    this.#style.font = `12px ${style.fontFamily}`;
    this.#draw();
  }

  #loop() {
    this.#draw();
    if (this.#reducedMotion.matches) {
      setTimeout(() => this.#loop(), 1_000);
    } else {
      requestAnimationFrame(() => this.#loop());
    }
  }

  #draw() {
    const now = performance.now();
    const width = this.#canvas.clientWidth;
    const height = this.#canvas.clientHeight;
    const context = this.#context;
    const wanted = niceTop(Math.max(1, 1.2 * (quantile(this.#values, 0.99) ?? 0)));
    this.#top += (wanted - this.#top) * (this.#reducedMotion.matches ? 1 : 0.12);
    context.clearRect(0, 0, width, height);
    const y = (value) => height - BOTTOM - (value / this.#top) * (height - TOP - BOTTOM);
    this.#drawGrid(context, width, height, y, wanted);
    const x = (time) => width - RIGHT - ((now - time) / SPAN_MS) * (width - this.#left - RIGHT);
    context.save();
    context.beginPath();
    context.rect(this.#left, TOP - 4, width - this.#left - RIGHT + 4, height);
    context.clip();
    this.#drawLine(context, x, y);
    context.restore();
  }

  #drawGrid(context, width, height, y, wanted) {
    context.font = this.#style.font;
    context.fillStyle = this.#style.muted;
    context.strokeStyle = this.#style.grid;
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    this.#left = Math.max(30, Math.ceil(context.measureText(String(wanted)).width) + 10);
    for (const value of [0, wanted / 2, wanted]) {
      const line = Math.round(y(value)) + 0.5;
      if (line >= TOP - 4) {
        context.beginPath();
        context.moveTo(this.#left, line);
        context.lineTo(width - RIGHT, line);
        context.stroke();
        context.fillText(String(value), this.#left - 8, line);
      }
    }
    context.textBaseline = "alphabetic";
    context.fillText("now", width - RIGHT, height - 3);
    context.textAlign = "left";
    context.fillText("30 s ago", this.#left, height - 3);
    context.fillText("ms", 0, height - 3);
  }

  #drawLine(context, x, y) {
    context.lineWidth = 2;
    context.lineJoin = "round";
    for (const run of this.#runs()) {
      const path = new Path2D();
      run.forEach(({ time, value }) => path.lineTo(x(time), y(value)));
      const area = new Path2D(path);
      area.lineTo(x(run[run.length - 1].time), y(0));
      area.lineTo(x(run[0].time), y(0));
      context.fillStyle = this.#style["accent-soft"];
      context.fill(area);
      context.strokeStyle = this.#style.accent;
      context.stroke(path);
    }
    const last = this.#values[this.#values.length - 1];
    if (last && performance.now() - last.time < GAP_MS) {
      context.fillStyle = this.#style.accent;
      context.beginPath();
      context.arc(x(last.time), y(last.value), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Returns the values, in runs without gaps. */
  #runs() {
    const runs = [];
    let last = -Infinity;
    for (const value of this.#values) {
      if (value.time - last > GAP_MS) {
        runs.push([]);
      }
      runs[runs.length - 1].push(value);
      last = value.time;
    }
    return runs;
  }
}

function quantile(values, share) {
  const sorted = values.map((v) => v.value).sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? null;
}

/** Returns the smallest of 1, 2, 5, 10, 20, 50... that is not below the value. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}
