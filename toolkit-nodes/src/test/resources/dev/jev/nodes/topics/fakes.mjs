// A clock that tests advance, and a WebSocket whose server is the test.

const immediate = setImmediate;

/** Lets all promises settle that do not wait for time. */
export const settled = () => new Promise((done) => immediate(done));

/** Replaces the timers and the time of this process. */
export class Clock {
  now = 1_000;
  #timers = new Map();
  #lastId = 0;

  constructor() {
    globalThis.setTimeout = (task, millis = 0) => {
      this.#timers.set(++this.#lastId, { task, due: this.now + millis });
      return this.#lastId;
    };
    globalThis.clearTimeout = (id) => this.#timers.delete(id);
    Object.defineProperty(globalThis, "performance", { value: { now: () => this.now } });
  }

  get timers() {
    return this.#timers.size;
  }

  /** Runs what becomes due. */
  async advance(millis) {
    const end = this.now + millis;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.due <= end);
      if (!due.length) {
        break;
      }
      const [id, timer] = due.reduce((a, b) => (b[1].due < a[1].due ? b : a));
      this.#timers.delete(id);
      this.now = Math.max(this.now, timer.due);
      timer.task();
      await settled();
    }
    this.now = end;
    await settled();
  }
}

/** A WebSocket of the client under test. */
export class FakeSocket {
  static all = [];
  static get last() {
    return FakeSocket.all.at(-1);
  }

  sent = [];
  closed = false;

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  // The server's side.

  opens() {
    this.onopen({});
    return this.says({ heartbeat: 25 });
  }

  says(...messages) {
    messages.forEach((message) => this.onmessage({ data: JSON.stringify(message) }));
    return this;
  }

  /** Answers the subscriptions so far. */
  accepts(position = "p0") {
    const topics = this.takes().flatMap((command) => command.subscribe ?? []);
    return this.says(...topics.map((t) => ({ subscribed: t, position, replayed: 0, lost: false })));
  }

  message(topic, number) {
    return this.says({ topic, position: `p${number}`, data: number });
  }

  ends(code = 1006, reason = "") {
    this.closed = true;
    this.onclose({ code, reason });
    return this;
  }

  /** Returns what was sent since the last call. */
  takes() {
    return this.sent.splice(0);
  }
}

export class MemoryStore extends Map {
  getItem(key) {
    return this.get(key) ?? null;
  }
  setItem(key, value) {
    this.set(key, value);
  }
  removeItem(key) {
    this.delete(key);
  }
}
