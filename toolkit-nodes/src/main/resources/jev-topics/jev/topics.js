// Topics of a Jev server over WebSocket, for browsers and Node 20 or later. topics.d.ts documents all options.

const FIRST_WAIT_MS = 500; // bound of the random wait after a failure; doubles with each further one
const LONGEST_WAIT_MS = 30_000;
const STABLE_MS = 5_000; // a connection that ends earlier counts as a failure
const OPENING_MS = 15_000; // from an attempt, its token included, to the first heartbeat
const MISSED_HEARTBEATS = 2.4;
const PUBLISH_MS = 10_000;
const MAX_UNANSWERED = 64; // publications; the server reads no more than these either
const MAX_UNSENT = 1_000; // publications
const MAX_UNHANDLED = 1_000; // messages of a topic
const POLICY_VIOLATION = 1008;

const bytes = (text) => new TextEncoder().encode(text).length;

const failure = (message, fields) => Object.assign(new Error(message), fields);

function checkName(name) {
  if (!/^[^\0-\x1f\x7f-\x9f{}]+$/.test(name) || bytes(name) > 200) {
    throw new TypeError(`topic: ${name} (expected: 1..200 bytes without control characters, { and })`);
  }
}

/** The messages of a topic, from the first handler until the last one is off. */
class Stream {
  listeners = new Set();
  received; // the position behind the last message in the queue: a new connection continues here
  begun = false;
  full = false;
  ended = false;
  forgotten = false;
  #queue = [];
  #busy = false;
  #members = null; // by id; null until there is a snapshot
  #more = 0;
  #version = 0;

  constructor(owner, name, after) {
    this.owner = owner;
    this.name = name;
    this.received = after ?? owner.load(name);
  }

  /** Continues behind another position, with or without a loss. */
  skip(to, lost, from = this.received) {
    this.begun = true;
    this.received = to ?? this.received;
    const loss = lost && { topic: this.name, from, to };
    this.#put({ at: to, loss, starting: !lost && from === undefined && this.listeners });
  }

  /** Adds a listener, whose messages begin now. */
  add(listener) {
    this.listeners.add(listener);
    if (this.begun) {
      this.#put({ starting: new Set([listener]) });
    }
  }

  message({ data, position }) {
    if (position === undefined || position !== this.received) {
      this.received = position ?? this.received;
      this.#put({ at: position, data });
    }
  }

  #put(item) {
    this.#queue.push(item);
    this.full ||= this.#queue.length >= MAX_UNHANDLED;
    this.#handle();
  }

  /** Handles the queue one message after the other: at once, unless a handler returns a promise. */
  async #handle() {
    if (this.#busy) {
      return;
    }
    this.#busy = true;
    while (this.#queue.length && !this.ended) {
      const item = this.#queue.shift();
      const promises = [...this.listeners].map((listener) => this.#call(listener, item)).filter(Boolean);
      if (promises.length) {
        await Promise.all(promises);
      }
      if (!this.forgotten && item.at !== undefined) {
        this.owner.save(this.name, item.at);
      }
      if (this.full && this.#queue.length <= MAX_UNHANDLED / 2) {
        this.full = false;
        this.owner.subscribe();
      }
    }
    this.#busy = false;
  }

  #call(listener, { loss, starting, data, at }) {
    if (!this.listeners.has(listener)) {
      return undefined; // off since
    }
    if (loss) {
      return this.owner.call(listener.lost ?? this.#unheeded, loss);
    }
    if (starting) {
      return starting.has(listener) && this.owner.call(listener.start);
    }
    return data !== undefined && this.owner.call(listener.handler, data, at);
  }

  #unheeded = ({ topic }) => this.owner.fail(failure(`messages lost: ${topic}`, { topic }));

  wantsMembers() {
    return [...this.listeners].some((listener) => listener.members);
  }

  /** Returns whether a change is missing, so that a new snapshot is needed. */
  presence({ version, members, more, joined, left }) {
    if (members) {
      this.#members = new Map(members.map((member) => [member.id, member]));
      this.#more = more ?? 0;
    } else if (!this.#members || version <= this.#version) {
      return false; // in the snapshot
    } else if (version > this.#version + 1) {
      this.#members = null;
      return true;
    } else if (joined) {
      this.#members.set(joined.id, joined);
    } else if (left && !this.#members.delete(left.id)) {
      this.#more = Math.max(0, this.#more - 1);
    }
    this.#version = version;
    for (const listener of [...this.listeners]) {
      this.owner.call(listener.members, [...this.#members.values()], this.#more);
    }
    return false;
  }
}

/** A connection to the topics of a server. Whenever it ends, another one is opened that continues its streams. */
export class Topics {
  /** "connecting", "open" or, for good, "closed". */
  state = "connecting";
  #url;
  #options;
  #streams = new Map(); // by topic
  #wire = new Map(); // by topic: asked, cancelled, live, leaving, denied; none: not subscribed
  #unsent = []; // publications
  #unanswered = new Map(); // publications by id
  #lastId = 0;
  #socket = null;
  #attempt = 0;
  #failures = 0;
  #opened = 0; // when the connection was opened; 0: not open
  #leaving = false; // the server has said when to reconnect
  #retry;
  #watch;
  #lastRead;
  #fault;

  /**
   * Connects to a URL, which may be relative, or that a function returns each time. All options may be missing: token,
   * store, state, error, WebSocket.
   */
  constructor(url, options = {}) {
    this.#options = options;
    this.#url = url;
    this.#address();
    globalThis.addEventListener?.("online", this.#online);
    this.#connect();
  }

  /**
   * Subscribes to a topic: handler(data, position) is called for one message after the other, and awaited. Returns an
   * object with the methods publish(data, options) and off().
   */
  on(name, handler, { start, lost, members, after } = {}) {
    checkName(name);
    const listener = { handler, start, lost, members };
    const stream = this.#streams.get(name) ?? new Stream(this.#owner, name, after);
    this.#streams.set(name, stream);
    stream.add(listener);
    if (members && this.#wire.get(name) === "live") {
      this.#send({ presence: name });
    }
    this.#subscribe();
    return {
      publish: (data, options) => this.publish(name, data, options),
      off: () => this.#off(stream, listener),
    };
  }

  /** Publishes a JSON value. Resolves to { at: position }; rejects with an outcome: refused, denied or unknown. */
  async publish(name, data, { echo = true } = {}) {
    checkName(name);
    const json = JSON.stringify(data ?? null);
    if (json === undefined) {
      throw new TypeError("data: not JSON");
    }
    const id = ++this.#lastId;
    const text = `{"publish":${JSON.stringify(name)},"id":${id},"echo":${echo},"data":${json}}`;
    const refused =
      (this.state === "closed" && "closed") ||
      (bytes(text) > (this.#options.maxBytes ?? 65_536) && "too large") ||
      (this.#unsent.length >= MAX_UNSENT && "too many unsent publications");
    if (refused) {
      throw failure(refused, { outcome: "refused" });
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, "no answer in time"), PUBLISH_MS);
      this.#unsent.push({ id, text, resolve, reject, timer });
      this.#flush();
    });
  }

  /** Ends the connection for good. */
  close() {
    this.#end("closed");
  }

  /** What the streams may do. */
  #owner = {
    load: (name) => this.#store(name, (store, key) => store.getItem(key)) ?? undefined,
    save: (name, at) => this.#store(name, (store, key) => store.setItem(key, at)),
    subscribe: () => this.#subscribe(),
    call: (callback, ...values) => this.#call(callback, ...values),
    fail: (error) => this.#fail(error),
  };

  #store(name, use) {
    try {
      return this.#options.store && use(this.#options.store, `jev.topics ${this.#address().pathname} ${name}`);
    } catch {
      return undefined; // full or forbidden: then positions are in memory only
    }
  }

  #address() {
    const url = new URL(this.#url.call?.() ?? this.#url, globalThis.location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    return url;
  }

  /** Calls a callback of the user; returns a promise if that does. */
  #call(callback, ...values) {
    const failed = (error) => this.#fail(error);
    try {
      const result = callback?.(...values);
      return typeof result?.then === "function" ? Promise.resolve(result).catch(failed) : undefined;
    } catch (error) {
      return failed(error);
    }
  }

  #fail(error) {
    (this.#options.error ?? console.error)(error);
  }

  #setState(state) {
    if (this.state !== state) {
      this.state = state;
      this.#call(this.#options.state, state);
    }
  }

  // The connection.

  async #connect() {
    this.#drop();
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#leaving = false;
    this.#setState("connecting");
    this.#expect(OPENING_MS);
    const attempt = this.#attempt;
    try {
      const url = this.#address();
      const token = await this.#options.token?.();
      if (token) {
        url.searchParams.set("token", token);
      }
      if (attempt === this.#attempt) {
        this.#use(new (this.#options.WebSocket ?? WebSocket)(url.href, "jev.topics.v1"));
      }
    } catch (error) {
      if (attempt === this.#attempt) {
        this.#lose();
        this.#fail(error);
      }
    }
  }

  #use(socket) {
    this.#socket = socket;
    const ifCurrent = (callback) => (event) => socket === this.#socket && callback(event);
    socket.onopen = ifCurrent(() => {
      this.#opened = performance.now();
      this.#setState("open");
      this.#subscribe();
      this.#flush();
    });
    socket.onmessage = ifCurrent(({ data }) => {
      this.#lastRead = performance.now();
      this.#receive(JSON.parse(data));
    });
    socket.onerror = () => {}; // a close follows
    socket.onclose = ifCurrent(({ code, reason }) => {
      if (code === POLICY_VIOLATION) {
        const message = this.#fault ?? (reason || "refused");
        this.#end(message);
        this.#fail(failure(message, { code }));
      } else {
        this.#lose();
      }
    });
  }

  /** Gives the connection up and opens another one later. */
  #lose() {
    if (this.#opened && performance.now() - this.#opened >= STABLE_MS) {
      this.#failures = 0;
    }
    this.#drop();
    this.#setState("connecting");
    if (!this.#leaving) {
      this.#connectAfter(Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++));
    }
  }

  #connectAfter(millis) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), millis);
  }

  #online = () => {
    if (this.#retry && !this.#leaving) {
      this.#connect();
    }
  };

  #drop() {
    const socket = this.#socket;
    this.#socket = null; // the events of the old one are ignored from now on
    this.#attempt++;
    this.#opened = 0;
    clearTimeout(this.#watch);
    socket?.close();
    this.#wire.clear();
    [...this.#unanswered.keys()].forEach((id) => this.#settle(id, "the connection has ended"));
  }

  #end(reason) {
    this.#drop();
    clearTimeout(this.#retry);
    globalThis.removeEventListener?.("online", this.#online);
    this.#streams.forEach((stream) => (stream.ended = true));
    this.#streams.clear();
    [...this.#unsent].forEach(({ id }) => this.#settle(id, reason));
    this.#setState("closed");
  }

  /** Gives the connection up if nothing arrives for some time. */
  #expect(silence) {
    clearTimeout(this.#watch);
    this.#lastRead = performance.now();
    const check = () => {
      const left = this.#lastRead + silence - performance.now();
      if (left > 0) {
        this.#watch = setTimeout(check, left);
      } else {
        this.#lose();
      }
    };
    check();
  }

  #send(command) {
    this.#socket?.send(JSON.stringify(command));
  }

  #receive(message) {
    if (message.topic !== undefined) {
      this.#ifLive(message.topic, (stream) => stream.message(message));
    } else if (message.published !== undefined) {
      this.#settle(message.published, null, { at: message.position });
    } else if (message.failed !== undefined) {
      this.#settle(message.failed, message.reason || message.outcome, message);
    } else if (message.heartbeat) {
      this.#expect(message.heartbeat * 1_000 * MISSED_HEARTBEATS);
    } else if (message.subscribed !== undefined) {
      this.#subscribed(message);
    } else if (message.unsubscribed !== undefined) {
      this.#unsubscribed(message.unsubscribed, message.retry);
    } else if (message.denied !== undefined) {
      this.#denied(message.denied, message.reason);
    } else if (message.gap !== undefined) {
      this.#ifLive(message.gap, (stream) => stream.skip(message.to, true, message.from));
    } else if (message.presence !== undefined) {
      const missing = (stream) => stream.presence(message) && this.#send({ presence: stream.name });
      this.#ifLive(message.presence, missing);
    } else if (message.reconnect) {
      this.#leaving = true;
      this.#connectAfter(message.reconnect.after);
    } else if (message.error !== undefined) {
      this.#fault = message.error;
    }
  }

  // Subscriptions. The commands of a topic are serialized: the next one follows the answer to the last one.

  #ifLive(name, use) {
    const stream = this.#streams.get(name);
    if (stream && this.#wire.get(name) === "live") {
      use(stream);
      if (stream.full) {
        this.#unsubscribe(name); // until half of the queue is handled
      }
    }
  }

  /** Subscribes to the topics that have handlers and are not subscribed. */
  #subscribe() {
    const streams = [...this.#streams.values()].filter((s) => !s.full && !this.#wire.has(s.name));
    if (this.#opened && streams.length) {
      const known = streams.filter((stream) => stream.received !== undefined);
      const after = Object.fromEntries(known.map((stream) => [stream.name, stream.received]));
      streams.forEach((stream) => this.#wire.set(stream.name, "asked"));
      this.#send({ subscribe: streams.map((stream) => stream.name), after });
    }
  }

  #subscribed({ subscribed: name, position, lost }) {
    const cancelled = this.#wire.get(name) === "cancelled";
    this.#wire.set(name, "live");
    if (cancelled) {
      this.#unsubscribe(name);
    }
    this.#ifLive(name, (stream) => {
      stream.skip(position, lost);
      if (stream.wantsMembers()) {
        this.#send({ presence: name });
      }
    });
  }

  #off(stream, listener) {
    stream.listeners.delete(listener);
    if (!stream.listeners.size && !stream.ended) {
      stream.ended = stream.forgotten = true;
      this.#streams.delete(stream.name);
      this.#store(stream.name, (store, key) => store.removeItem(key));
      this.#unsubscribe(stream.name);
    }
  }

  #unsubscribe(name) {
    const wire = this.#wire.get(name);
    if (wire === "live") {
      this.#wire.set(name, "leaving");
      this.#send({ unsubscribe: [name] });
    } else if (wire === "asked") {
      this.#wire.set(name, "cancelled"); // when it is answered
    } else if (wire === "denied") {
      this.#wire.delete(name);
    }
  }

  #unsubscribed(name, retry) {
    if (retry && this.#wire.get(name) === "asked") {
      this.#wire.set(name, "denied"); // for some time
      setTimeout(() => this.#wire.get(name) === "denied" && this.#unsubscribed(name), retry);
    } else {
      this.#wire.delete(name);
      this.#subscribe(); // if there are handlers again
    }
  }

  #denied(topic, reason) {
    const wire = this.#wire.get(topic);
    if (wire === "cancelled") {
      this.#unsubscribed(topic);
      return;
    }
    if (wire === "asked") {
      this.#wire.set(topic, "denied"); // the next connection asks again
    }
    this.#fail(failure(`denied: ${topic}: ${reason}`, { topic, outcome: "denied" }));
  }

  // Publications.

  #flush() {
    while (this.#opened && !this.#leaving && this.#unsent.length && this.#unanswered.size < MAX_UNANSWERED) {
      const publication = this.#unsent.shift();
      this.#unanswered.set(publication.id, publication);
      this.#socket.send(publication.text);
    }
  }

  /** Completes a publication with its answer, or if there is a reason, with a failure. */
  #settle(id, reason, answer) {
    const sent = this.#unanswered.get(id);
    const publication = sent ?? this.#unsent.find((unsent) => unsent.id === id);
    if (!publication) {
      return;
    }
    clearTimeout(publication.timer);
    this.#unanswered.delete(id);
    this.#unsent = this.#unsent.filter((unsent) => unsent !== publication);
    if (reason) {
      const outcome = answer?.outcome ?? (sent ? "unknown" : "refused");
      publication.reject(failure(reason, { outcome }));
    } else {
      publication.resolve(answer);
    }
    this.#flush();
  }
}
