// The shared board: a canvas with strokes, and the cursors of other visitors above it.

const UNITS = 10_000; // width and height of the board in its own coordinates
const MAX_POINTS = 900; // per stroke
const MAX_STROKES = 2_000;
const SEND_MS = 40;
const SMOOTH_MS = 250;
const KEY_STEP = 150;
const ARROW =
  '<svg viewBox="0 0 18 18" fill="currentColor"><path d="M1.5 1.5 16 7.2 9.6 9.6 7.2 16Z"/></svg>';

export class Board {
  #box;
  #canvas;
  #context;
  #layer;
  #send;
  #strokes = new Map();
  #cursors = new Map();
  #me = null;
  #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  #cursor = null; // the own cursor, null outside the board
  #sentCursor = null; // the own cursor as the server knows it
  #number = 0; // number of the last own stroke
  #stroke = null; // the stroke being drawn
  #sentPoints = 0; // number of its points that were sent
  #smoothing = 0; // timer
  #pen = { x: UNITS / 2, y: UNITS / 2, down: false }; // keyboard cursor

  constructor(box, send) {
    this.#box = box;
    this.#canvas = box.querySelector("canvas");
    this.#context = this.#canvas.getContext("2d");
    this.#layer = box.querySelector(".cursors");
    this.#send = send;
    new ResizeObserver(() => this.#fit()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
    this.#listen();
    this.#fit();
    setInterval(() => this.#sendChanges(), SEND_MS);
    this.#loop();
  }

  /** Lets a visitor draw. */
  join(me) {
    this.#me = me;
    this.#number = 0;
    this.#sentCursor = null;
  }

  /** Ends drawing, and removes what the log may not have: cursors, and the end of an own stroke. */
  leave() {
    this.#me = null;
    this.#stroke = null;
    this.#cursor = null;
    [...this.#cursors.keys()].forEach((id) => this.remove(id));
    for (const [key, stroke] of this.#strokes) {
      stroke.points.length = 2 * stroke.logged;
      if (stroke.logged === 0) {
        this.#strokes.delete(key);
      }
    }
    this.#fit();
  }

  /** Returns all strokes as far as they are in the log, for restore. */
  strokes() {
    return [...this.#strokes].map(([key, { color, points, logged }]) => [key, color, points.slice(0, 2 * logged)]);
  }

  /** Puts strokes on an empty board. */
  restore(strokes) {
    strokes.forEach(([key, color, points]) => {
      Object.assign(this.#begin(key, color), { points, logged: points.length / 2 });
    });
    this.#fit();
  }

  /** Adds a part of a stroke from the log; ignores a part whose beginning is not on the board. */
  add({ visitor, stroke, color, from, points }) {
    const key = `${visitor}/${stroke}`;
    const known = this.#strokes.get(key);
    if (from === (known?.logged ?? 0)) {
      const all = known ?? this.#begin(key, color);
      all.logged += points.length / 2;
      const added = points.slice(all.points.length - 2 * from); // the rest of an own stroke is on the board
      if (added.length > 0) {
        const first = all.points.length / 2 - 1;
        all.points.push(...added);
        this.#paintNew(all, Math.max(0, first));
      }
    }
  }

  isEmpty() {
    return this.#strokes.size === 0;
  }

  clear() {
    this.#strokes.clear();
    this.#stroke = null;
    this.#fit();
  }

  move({ visitor, x, y }) {
    if (visitor.id === this.#me?.id) {
      return;
    }
    let cursor = this.#cursors.get(visitor.id);
    if (!cursor) {
      const element = document.createElement("div");
      element.className = "cursor";
      element.style.setProperty("--color", `var(--color-${visitor.color})`);
      element.innerHTML = ARROW;
      element.append(Object.assign(document.createElement("span"), { textContent: visitor.name }));
      this.#layer.append(element);
      cursor = { element, x, y };
      this.#cursors.set(visitor.id, cursor);
    }
    cursor.goal = { x, y };
    cursor.element.dataset.side = x > 0.85 * UNITS ? "left" : "right";
  }

  remove(id) {
    this.#cursors.get(id)?.element.remove();
    this.#cursors.delete(id);
  }

  // Input.

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && this.#me) {
        canvas.setPointerCapture(event.pointerId);
        this.#cursor = this.#place(event);
        this.#start(this.#cursor);
      }
    });
    canvas.addEventListener("pointermove", (event) => {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length > 0 ? events : [event]) {
        this.#cursor = this.#place(one);
        this.#extend(this.#cursor);
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        this.#finish();
        if (event.pointerType !== "mouse") {
          this.#cursor = null;
        }
      });
    }
    canvas.addEventListener("pointerleave", () => {
      if (!this.#stroke) {
        this.#cursor = null;
      }
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("keyup", (event) => {
      if (event.key === " ") {
        this.#pen.down = false;
        this.#finish();
      }
    });
    canvas.addEventListener("blur", () => {
      this.#pen.down = false;
      this.#finish();
      this.#cursor = null;
    });
  }

  #key(event) {
    const step = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    }[event.key];
    if (!this.#me || (!step && event.key !== " ")) {
      return;
    }
    event.preventDefault();
    if (step) {
      this.#pen.x = clamp(this.#pen.x + step[0] * KEY_STEP);
      this.#pen.y = clamp(this.#pen.y + step[1] * KEY_STEP * 1.5);
    }
    this.#cursor = { x: this.#pen.x, y: this.#pen.y };
    if (event.key === " " && !this.#pen.down) {
      this.#pen.down = true;
      this.#start(this.#cursor);
    } else if (step) {
      this.#extend(this.#cursor);
    }
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return {
      x: clamp(Math.round(((event.clientX - box.left) / box.width) * UNITS)),
      y: clamp(Math.round(((event.clientY - box.top) / box.height) * UNITS)),
    };
  }

  #start({ x, y }) {
    this.#finish();
    this.#sentPoints = 0;
    this.#stroke = this.#begin(`${this.#me.id}/${++this.#number}`, this.#me.color);
    this.#stroke.points.push(x, y);
    this.#paintNew(this.#stroke, 0);
  }

  #extend({ x, y }) {
    const stroke = this.#stroke;
    if (!stroke) {
      return;
    }
    const points = stroke.points;
    if (points[points.length - 2] === x && points[points.length - 1] === y) {
      return;
    }
    points.push(x, y);
    this.#paintNew(stroke, points.length / 2 - 2);
    if (points.length / 2 >= MAX_POINTS) {
      this.#start({ x, y });
    }
  }

  #finish() {
    this.#sendStroke();
    this.#stroke = null;
  }

  // Output.

  #sendChanges() {
    if (!this.#me) {
      return;
    }
    this.#sendStroke();
    const { x, y } = this.#cursor ?? {};
    if (x !== this.#sentCursor?.x || y !== this.#sentCursor?.y) {
      const sent = this.#send(this.#cursor ? { type: "move", x, y } : { type: "leave" });
      this.#sentCursor = sent ? this.#cursor : this.#sentCursor;
    }
  }

  #sendStroke() {
    const points = this.#stroke?.points ?? [];
    const from = this.#sentPoints;
    if (points.length > 2 * from) {
      const stroke = this.#number;
      if (this.#send({ type: "draw", stroke, from, points: points.slice(2 * from) })) {
        this.#sentPoints = points.length / 2;
      }
    }
  }

  // Painting.

  #begin(key, color) {
    const stroke = { color, points: [], logged: 0 }; // logged: the number of points that are in the log
    this.#strokes.set(key, stroke);
    if (this.#strokes.size > MAX_STROKES) {
      this.#strokes.delete(this.#strokes.keys().next().value);
    }
    this.#box.dataset.drawn = "";
    return stroke;
  }

  #fit() {
    const scale = devicePixelRatio || 1;
    const { width, height } = this.#canvas.getBoundingClientRect();
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#strokes.forEach((stroke) => this.#paint(stroke, 0));
    if (this.#strokes.size === 0) {
      delete this.#box.dataset.drawn;
    }
    this.#box.dataset.strokes = this.#strokes.size;
  }

  /** Paints the new part of a stroke. Repaints the board a little later, which smooths the joint. */
  #paintNew(stroke, first) {
    this.#paint(stroke, first);
    clearTimeout(this.#smoothing);
    this.#smoothing = setTimeout(() => this.#fit(), SMOOTH_MS);
  }

  /** Paints a stroke, starting at one of its points. */
  #paint({ color, points }, first) {
    const context = this.#context;
    const x = (i) => (points[2 * i] / UNITS) * this.#canvas.width;
    const y = (i) => (points[2 * i + 1] / UNITS) * this.#canvas.height;
    context.strokeStyle = getComputedStyle(this.#box).getPropertyValue(`--color-${color}`);
    context.lineWidth = Math.max(3, this.#canvas.clientWidth / 190) * (devicePixelRatio || 1);
    context.lineCap = "round";
    context.lineJoin = "round";
    // Curves from the middle of one line to that of the next one, so that there are no corners.
    const from = Math.max(0, first - 1);
    const middle = (i) => [(x(i) + x(i + 1)) / 2, (y(i) + y(i + 1)) / 2];
    const last = points.length / 2 - 1;
    context.beginPath();
    context.moveTo(...(from === 0 ? [x(0), y(0)] : middle(from - 1)));
    for (let i = from; i < last; i++) {
      context.quadraticCurveTo(x(i), y(i), ...middle(i));
    }
    context.lineTo(x(last), y(last));
    context.stroke();
    this.#box.dataset.strokes = this.#strokes.size;
  }

  /** Moves the cursors smoothly to their targets. */
  #loop() {
    const { clientWidth, clientHeight } = this.#box;
    for (const cursor of this.#cursors.values()) {
      const share = this.#reducedMotion.matches ? 1 : 0.3;
      cursor.x += (cursor.goal.x - cursor.x) * share;
      cursor.y += (cursor.goal.y - cursor.y) * share;
      const x = (cursor.x / UNITS) * clientWidth;
      const y = (cursor.y / UNITS) * clientHeight;
      cursor.element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }
    requestAnimationFrame(() => this.#loop());
  }
}

function clamp(value) {
  return Math.max(0, Math.min(UNITS, value));
}
