// The clients of the price feed: what each sees, and what waits for it in the server.

const SPAN_MS = 20_000;
const LATE_MS = 1_000;
const PRICE_SHARE = 0.6; // of the height; the queue is below
const POLICIES = {
  fast: ["Fast client", "Reads each price at once."],
  "drop-oldest": ["Slow, drop oldest", "The queue has a limit. Beyond it, the oldest prices are dropped."],
  conflate: ["Slow, conflate", "A newer price replaces the queued one of its symbol."],
  unbounded: ["Slow, no limit", "What a plain queue per client does. This one ends at 16 MB."],
};

export class Lanes {
  #lanes = new Map(); // from the policy to { element, canvas, history }
  #style = {};

  constructor(section) {
    for (const [policy, [title, note]] of Object.entries(POLICIES)) {
      const element = section.querySelector("#lane").content.cloneNode(true).firstElementChild;
      const canvas = element.querySelector("canvas");
      element.id = `lane-${policy}`;
      element.querySelector("h3").textContent = title;
      element.querySelector(".note").textContent = note;
      section.append(element);
      this.#lanes.set(policy, { element, canvas, history: [] });
      new ResizeObserver(() => this.#fit(canvas)).observe(canvas);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#restyle(section));
    this.#restyle(section);
  }

  /** Shows the figures of the server. */
  show({ lanes }) {
    const time = performance.now();
    for (const lane of lanes) {
      const { element, history } = this.#lanes.get(lane.policy);
      history.push({ time, price: lane.price, waiting: lane.waiting });
      while (history[0].time < time - SPAN_MS) {
        history.shift();
      }
      write(element, "age", duration(lane.age));
      write(element, "waiting", bytes(lane.waiting));
      write(element, "dropped", count(lane.dropped));
      write(element, "replaced", count(lane.replaced));
      element.dataset.age = lane.age;
      element.dataset.waiting = lane.waiting;
      element.classList.toggle("late", lane.age >= LATE_MS);
    }
    this.#draw(time);
  }

  #restyle(section) {
    const style = getComputedStyle(section);
    for (const name of ["accent", "accent-soft", "bad", "bad-soft", "grid"]) {
      this.#style[name] = style.getPropertyValue(`--${name}`);
    }
  }

  #fit(canvas) {
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
    this.#draw(performance.now());
  }

  /** Draws all lanes with the same scales, so that they can be compared. */
  #draw(now) {
    const all = [...this.#lanes.values()].flatMap(({ history }) => history);
    const prices = all.map(({ price }) => price).filter((price) => price > 0);
    const low = Math.min(...prices);
    const high = Math.max(...prices);
    const most = Math.max(64_000, ...all.map(({ waiting }) => waiting));
    for (const [policy, { canvas, history }] of this.#lanes) {
      const { clientWidth: width, clientHeight: height } = canvas;
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, width, height);
      const middle = Math.round(PRICE_SHARE * height);
      const x = ({ time }) => width - ((now - time) / SPAN_MS) * width;
      const price = (point) => 4 + (1 - (point.price - low) / (high - low || 1)) * (middle - 12);
      const waiting = (point) => height - 1 - (point.waiting / most) * (height - middle - 6);
      const color = policy === "unbounded" ? "bad" : "accent";
      this.#line(context, height - 0.5, width);
      this.#curve(context, history, x, waiting, color, height);
      this.#curve(context, history.filter((point) => point.price > 0), x, price, "accent", null);
    }
  }

  #line(context, y, width) {
    context.strokeStyle = this.#style.grid;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
  }

  #curve(context, history, x, y, color, bottom) {
    if (history.length === 0) {
      return;
    }
    const path = new Path2D();
    history.forEach((point) => path.lineTo(x(point), y(point)));
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.strokeStyle = this.#style[color];
    context.stroke(path);
    if (bottom !== null) {
      path.lineTo(x(history[history.length - 1]), bottom);
      path.lineTo(x(history[0]), bottom);
      context.fillStyle = this.#style[`${color}-soft`];
      context.fill(path);
    }
  }
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function count(number) {
  return whole.format(number);
}

function duration(millis) {
  return millis < 1_000 ? `${millis} ms` : `${(millis / 1_000).toFixed(1)} s`;
}

function bytes(number) {
  return number < 1e6 ? `${whole.format(number / 1e3)} KB` : `${(number / 1e6).toFixed(1)} MB`;
}

function write(element, name, text) {
  const target = element.querySelector(`[data-show="${name}"]`);
  if (target.textContent !== text) {
    target.textContent = text;
  }
}
