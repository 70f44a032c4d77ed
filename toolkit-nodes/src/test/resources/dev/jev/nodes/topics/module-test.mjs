// Facts about topics.js, with a clock and a WebSocket of their own.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Clock, FakeSocket, MemoryStore, settled } from "./fakes.mjs";
import { Topics } from "./topics.mjs";

const clock = new Clock();
const bus = new EventTarget();
globalThis.addEventListener = bus.addEventListener.bind(bus);
globalThis.removeEventListener = bus.removeEventListener.bind(bus);
const goesOnline = () => bus.dispatchEvent(new Event("online"));

let topics;
let errors;
let states;

/** Begins a client whose socket is not open yet. */
async function begins(options = {}, url = "ws://host/topics") {
  topics?.close();
  errors = [];
  states = [];
  topics = new Topics(url, {
    WebSocket: FakeSocket,
    error: (error) => errors.push(error),
    state: (state) => states.push(state),
    ...options,
  });
  await settled();
  return FakeSocket.last;
}

/** Begins a client, subscribes to the topic a, and records what its handler gets. */
async function subscribes(options = {}, handlerOptions = {}) {
  const socket = await begins(options);
  const got = [];
  const subscription = topics.on("a", (data) => got.push(data), handlerOptions);
  socket.opens().accepts();
  return { socket, got, subscription };
}

async function reconnects() {
  await clock.advance(500);
  return FakeSocket.last.opens();
}

const outcome = (promise) => promise.then(() => "published", (error) => error.outcome ?? error.name);

beforeEach(() => {
  topics?.close();
  FakeSocket.all = [];
  Math.random = () => 0.5;
  delete globalThis.location;
});

// Connections.

test("a relative URL is that of the page's host", async () => {
  globalThis.location = { href: "https://example.com/chat/page.html#top" };
  const socket = await begins({}, "/topics");
  assert.equal(socket.url, "wss://example.com/topics");
  assert.equal(socket.protocol, "jev.topics.v1");
  globalThis.location.href = "http://localhost:8080/";
  assert.equal((await begins({}, "topics?room=1")).url, "ws://localhost:8080/topics?room=1");
});

test("a function returns the URL of each attempt", async () => {
  let port = 8_001;
  const first = await begins({ token: () => "t" }, () => `ws://host:${port++}/topics`);
  const used = Number(new URL(first.url).port);
  first.ends();
  await clock.advance(500);
  assert.equal(FakeSocket.last.url, `ws://host:${used + 1}/topics?token=t`);
  assert.equal(FakeSocket.all.length, 2);
});

test("each connection has a new token", async () => {
  let tokens = 0;
  const first = await begins({ token: async () => `t&${++tokens}` }, "ws://host/topics?x=1");
  assert.equal(first.url, "ws://host/topics?x=1&token=t%261");
  first.ends();
  await clock.advance(500);
  assert.equal(FakeSocket.last.url, "ws://host/topics?x=1&token=t%262");
  assert.equal((await begins({ token: () => null })).url, "ws://host/topics");
});

test("a token that fails is reported and asked for again", async () => {
  let tokens = 0;
  await begins({ token: () => (++tokens < 3 ? Promise.reject(new Error("no token")) : "t") });
  assert.equal(FakeSocket.all.length, 0);
  await clock.advance(1_000);
  assert.equal(FakeSocket.last.url, "ws://host/topics?token=t");
  assert.deepEqual(errors.map(String), ["Error: no token", "Error: no token"]);
});

test("waits are random and double from 0.5 s to 30 s", async () => {
  Math.random = () => 0.999999;
  await begins();
  for (const wait of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    const socket = FakeSocket.last;
    socket.ends();
    await clock.advance(wait - 1);
    assert.equal(FakeSocket.last, socket, `before ${wait}`);
    await clock.advance(1);
    assert.notEqual(FakeSocket.last, socket, `after ${wait}`);
  }
  Math.random = () => 0;
  const socket = FakeSocket.last.ends();
  await clock.advance(0);
  assert.notEqual(FakeSocket.last, socket);
});

test("a connection that lasts 5 s ends the growth of waits, a shorter one does not", async () => {
  Math.random = () => 0.999999;
  let socket = await begins();
  for (const { lasts, wait } of [
    { lasts: 0, wait: 500 },
    { lasts: 4_999, wait: 1_000 },
    { lasts: 5_000, wait: 500 },
  ]) {
    socket.opens();
    await clock.advance(lasts);
    socket.ends(1013);
    await clock.advance(wait - 1);
    assert.equal(FakeSocket.last, socket);
    await clock.advance(1);
    assert.notEqual(FakeSocket.last, socket);
    socket = FakeSocket.last;
  }
});

test("the server says when to reconnect", async () => {
  const { socket, got } = await subscribes();
  socket.says({ reconnect: { after: 7_000 } });
  const later = topics.publish("a", 1); // not to the server that goes away
  socket.message("a", 1);
  await clock.advance(1_000);
  socket.ends(1012);
  goesOnline();
  await clock.advance(5_999);
  assert.equal(FakeSocket.last, socket);
  await clock.advance(1);
  const next = FakeSocket.last.opens();
  assert.deepEqual(socket.takes(), []);
  assert.deepEqual(got, [1]);
  assert.deepEqual(next.takes().map((command) => Object.keys(command)[0]), ["subscribe", "publish"]);
  next.says({ published: 1, position: "p2" });
  assert.deepEqual(await later, { at: "p2" });
});

test("a connection that is still open when the client should reconnect is replaced", async () => {
  const { socket } = await subscribes();
  socket.says({ reconnect: { after: 100 } });
  await clock.advance(100);
  assert.ok(socket.closed);
  assert.equal(FakeSocket.all.length, 2);
});

test("a connection that is closed with 1008 stays closed", async () => {
  const { socket } = await subscribes();
  const sent = outcome(topics.publish("a", 1));
  socket.says({ error: "101 topics (expected: <= 100)" }).ends(1008);
  await clock.advance(60_000);
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(await sent, "unknown");
  assert.deepEqual(states, ["open", "closed"]);
  assert.deepEqual(errors.map((e) => [e.code, e.message]), [[1008, "101 topics (expected: <= 100)"]]);
  assert.equal(await outcome(topics.publish("a", 1)), "refused");
  assert.equal(clock.timers, 0);
});

test("a connection that is silent for 2.4 heartbeats is replaced", async () => {
  const { socket } = await subscribes();
  socket.says({ heartbeat: 10 });
  await clock.advance(23_000);
  socket.message("a", 1);
  await clock.advance(23_999);
  assert.equal(topics.state, "open");
  await clock.advance(1);
  assert.equal(topics.state, "connecting");
  assert.ok(socket.closed);
  await clock.advance(500);
  assert.equal(FakeSocket.all.length, 2);
});

test("an attempt ends after 15 s, its token included", async () => {
  const socket = await begins();
  await clock.advance(15_000);
  assert.ok(socket.closed);
  let tokens = 0;
  await begins({ token: () => (++tokens === 1 ? new Promise(() => {}) : "t") });
  const sockets = FakeSocket.all.length;
  await clock.advance(16_000);
  assert.equal(FakeSocket.all.length, sockets + 1);
});

test("a browser that is online again reconnects at once", async () => {
  const { socket } = await subscribes();
  goesOnline();
  await settled();
  assert.equal(FakeSocket.last, socket);
  socket.ends();
  goesOnline();
  await settled();
  assert.equal(FakeSocket.all.length, 2);
  await clock.advance(14_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("events of a connection that was given up are ignored", async () => {
  const { socket, got } = await subscribes();
  await clock.advance(60_000);
  await clock.advance(500);
  const next = FakeSocket.last.opens().accepts("p5");
  socket.message("a", 1).ends(1008);
  next.message("a", 6);
  assert.deepEqual(got, [6]);
  assert.equal(topics.state, "open");
});

test("close leaves no timer, and no handler is called any more", async () => {
  const { socket, got } = await subscribes();
  topics.close();
  assert.ok(socket.closed);
  socket.message("a", 1);
  goesOnline();
  topics.close();
  await clock.advance(60_000);
  assert.deepEqual(got, []);
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(clock.timers, 0);
  assert.deepEqual(states, ["open", "closed"]);
});

test("close ends an attempt that waits for its token", async () => {
  let give;
  await begins({ token: () => new Promise((done) => (give = done)) });
  topics.close();
  give("t");
  await settled();
  assert.equal(FakeSocket.all.length, 0);
});

// Streams.

test("topics are subscribed with one command", async () => {
  const socket = await begins();
  ["a", "b", "__proto__"].forEach((topic) => topics.on(topic, () => {}));
  socket.opens();
  assert.deepEqual(socket.takes(), [{ subscribe: ["a", "b", "__proto__"], after: {} }]);
  topics.on("c", () => {}, { after: "p9" });
  assert.deepEqual(socket.takes(), [{ subscribe: ["c"], after: { c: "p9" } }]);
});

test("a stream continues behind the last message, or where it began", async () => {
  const { socket, got } = await subscribes();
  topics.on("b", () => {});
  topics.on("__proto__", () => {});
  socket.accepts("q0");
  socket.message("a", 1).message("a", 2).ends();
  const next = await reconnects();
  const after = Object.fromEntries([["a", "p2"], ["b", "q0"], ["__proto__", "q0"]]);
  assert.deepEqual(next.takes(), [{ subscribe: ["a", "b", "__proto__"], after }]);
  next.says({ subscribed: "a", position: "p2", replayed: 1, lost: false }).message("a", 3);
  assert.deepEqual(got, [1, 2, 3]);
});

test("messages without positions are delivered", async () => {
  const { socket, got } = await subscribes();
  socket.says({ topic: "a", data: null }, { topic: "a", data: null }, { topic: "b", data: 1 }, {});
  assert.deepEqual(got, [null, null]);
});

test("a message that comes twice is delivered once", async () => {
  const { socket, got } = await subscribes();
  socket.message("a", 1).message("a", 1).message("a", 2);
  assert.deepEqual(got, [1, 2]);
});

test("a position is stored when the promises of all handlers are settled", async () => {
  const store = new MemoryStore();
  const socket = await begins({ store });
  const got = [];
  let done;
  topics.on("a", () => new Promise((resolve) => (done = resolve)));
  topics.on("a", (data, at) => got.push([data, at]));
  socket.opens().accepts().message("a", 1).message("a", 2);
  const key = "jev.topics /topics a";
  assert.deepEqual([...store], [[key, "p0"]]);
  assert.deepEqual(got, [[1, "p1"]]);
  done();
  await settled();
  assert.deepEqual([...store], [[key, "p1"]]);
  assert.deepEqual(got, [[1, "p1"], [2, "p2"]]);

  const reloaded = await begins({ store });
  const again = [];
  topics.on("a", (data) => again.push(data));
  reloaded.opens();
  assert.deepEqual(reloaded.takes(), [{ subscribe: ["a"], after: { a: "p1" } }]);
  reloaded.says({ subscribed: "a", position: "p1", replayed: 1, lost: false }).message("a", 2);
  assert.deepEqual(again, [2]);
  assert.deepEqual([...store], [[key, "p2"]]);
});

test("messages that wait for their handler are neither lost nor repeated by a reconnect", async () => {
  const socket = await begins();
  const got = [];
  const waiting = [];
  topics.on("a", (data) => new Promise((done) => waiting.push(() => done(got.push(data)))));
  socket.opens().accepts().message("a", 1).message("a", 2).message("a", 3).ends();
  const next = await reconnects();
  assert.deepEqual(next.takes(), [{ subscribe: ["a"], after: { a: "p3" } }]);
  next.says({ subscribed: "a", position: "p3", replayed: 1, lost: false }).message("a", 4);
  while (got.length < 4) {
    waiting.shift()();
    await settled();
  }
  assert.deepEqual(got, [1, 2, 3, 4]);
});

test("a message whose handler closes the client is handled", async () => {
  const store = new MemoryStore();
  const socket = await begins({ store });
  const got = [];
  topics.on("a", (data) => got.push(data) && topics.close());
  socket.opens().accepts().message("a", 1);
  assert.deepEqual(got, [1]);
  assert.deepEqual([...store.values()], ["p1"]);
});

test("a store that throws is ignored", async () => {
  const full = () => {
    throw new Error("QuotaExceededError");
  };
  const { socket, got, subscription } = await subscribes({
    store: { getItem: full, setItem: full, removeItem: full },
  });
  socket.message("a", 1).message("a", 2);
  subscription.off();
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(errors, []);
});

test("a handler that fails is reported, and the stream goes on", async () => {
  const socket = await begins();
  const got = [];
  topics.on("a", () => {
    throw new Error("thrown");
  });
  topics.on("a", async () => Promise.reject(new Error("rejected")));
  topics.on("a", (data) => got.push(data));
  socket.opens().accepts().message("a", 1).message("a", 2);
  await settled();
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(errors.map((e) => e.message), ["thrown", "rejected", "thrown", "rejected"]);
});

test("what follows a loss waits for the callback", async () => {
  const store = new MemoryStore([["jev.topics /topics a", "old"]]);
  const socket = await begins({ store });
  const got = [];
  let loaded;
  const lost = (loss) => new Promise((done) => (loaded = () => done(got.push(loss))));
  topics.on("a", (data) => got.push(data), { lost });
  socket.opens().says({ subscribed: "a", position: "p7", replayed: 0, lost: true }).message("a", 8);
  await settled();
  assert.deepEqual(got, []);
  assert.deepEqual([...store.values()], ["old"]);
  loaded();
  await settled();
  assert.deepEqual(got, [{ topic: "a", from: "old", to: "p7" }, 8]);

  socket.says({ gap: "a", from: "p8", to: "p11" }).message("a", 12);
  loaded();
  await settled();
  assert.deepEqual(got.slice(2), [{ topic: "a", from: "p8", to: "p11" }, 12]);
});

test("the first messages wait until the state is loaded", async () => {
  const socket = await begins();
  const got = [];
  let loaded;
  const start = () => new Promise((done) => (loaded = () => done(got.push("state"))));
  topics.on("a", (data) => got.push(data), { start });
  socket.opens().accepts().message("a", 1);
  await settled();
  assert.deepEqual(got, []);
  loaded();
  await settled();
  assert.deepEqual(got, ["state", 1]);

  const late = [];
  topics.on("a", (data) => late.push(data), { start: () => late.push("late") });
  socket.message("a", 2).ends();
  (await reconnects()).accepts("p2").message("a", 3);
  assert.deepEqual(got, ["state", 1, 2, 3]);
  assert.deepEqual(late, ["late", 2, 3]);
});

test("a stream of events starts anew with each connection", async () => {
  const socket = await begins();
  const got = [];
  topics.on("a", (data) => got.push(data), { start: () => got.push("start") });
  socket.opens().says({ subscribed: "a", replayed: 0, lost: false }, { topic: "a", data: 1 }).ends();
  (await reconnects()).says({ subscribed: "a", replayed: 0, lost: false });
  assert.deepEqual(got, ["start", 1, "start"]);
});

test("a loss is an error without a callback, and the position behind it holds", async () => {
  const { socket } = await subscribes();
  socket.says({ gap: "a", from: "p0", to: "p5" }).ends();
  assert.deepEqual(errors.map((e) => [e.topic, e.message]), [["a", "messages lost: a"]]);
  assert.deepEqual((await reconnects()).takes(), [{ subscribe: ["a"], after: { a: "p5" } }]);
});

test("a topic with 1000 waiting messages is unsubscribed until 500 of them are handled", async () => {
  const socket = await begins();
  const got = [];
  let done;
  topics.on("a", (data) => new Promise((resolve) => (done = () => resolve(got.push(data)))));
  socket.opens().accepts().takes();
  for (let i = 1; i <= 1_010; i++) {
    socket.message("a", i); // the first one is not waiting; those behind 1001 are on their way
  }
  assert.deepEqual(socket.takes(), [{ unsubscribe: ["a"] }]);
  socket.says({ unsubscribed: "a" });
  for (let i = 1; i <= 500; i++) {
    assert.deepEqual(socket.takes(), []);
    done();
    await settled();
  }
  done();
  await settled();
  assert.deepEqual(socket.takes(), [{ subscribe: ["a"], after: { a: "p1001" } }]);
  socket.says({ subscribed: "a", position: "p1001", replayed: 9, lost: false });
  for (let i = 1_002; i <= 1_010; i++) {
    socket.message("a", i);
  }
  while (got.length < 1_010) {
    done();
    await settled();
  }
  assert.deepEqual(got, Array.from({ length: 1_010 }, (_, i) => i + 1));
});

test("the last handler of a topic ends its subscription and forgets its position", async () => {
  const store = new MemoryStore();
  const { socket, got, subscription } = await subscribes({ store });
  const other = [];
  const second = topics.on("a", (data) => {
    other.push(data);
    second.off();
  });
  socket.message("a", 1).message("a", 2);
  subscription.off();
  subscription.off();
  assert.deepEqual([got, other], [[1, 2], [1]]);
  assert.deepEqual(socket.takes(), [{ unsubscribe: ["a"] }]);
  assert.equal(store.size, 0);
  socket.message("a", 3).ends();
  assert.deepEqual((await reconnects()).takes(), []);
  assert.deepEqual(got, [1, 2]);
});

test("a handler that ends its stream gets nothing more of the queue", async () => {
  const socket = await begins();
  const got = [];
  let done;
  const subscription = topics.on("a", (data) => {
    got.push(data);
    return new Promise((resolve) => (done = resolve));
  });
  socket.opens().accepts().message("a", 1).message("a", 2);
  subscription.off();
  done();
  await settled();
  assert.deepEqual(got, [1]);
});

test("a topic is subscribed again when its end is confirmed", async () => {
  const { socket, subscription } = await subscribes();
  subscription.off();
  const got = [];
  topics.on("a", (data) => got.push(data));
  assert.deepEqual(socket.takes(), [{ unsubscribe: ["a"] }]);
  socket.message("a", 1).says({ unsubscribed: "a" });
  assert.deepEqual(socket.takes(), [{ subscribe: ["a"], after: {} }]);
  socket.accepts().says({ subscribed: "a", position: "p4" }).message("a", 5);
  assert.deepEqual(got, [5]);
});

test("a subscription that is not wanted any more ends when it is answered", async () => {
  const socket = await begins();
  const first = topics.on("a", () => assert.fail("off"));
  const second = topics.on("b", () => assert.fail("off"));
  socket.opens().takes();
  first.off();
  second.off();
  topics.on("b", () => {});
  assert.deepEqual(socket.takes(), []);
  socket.says({ subscribed: "a", position: "p1" }, { denied: "b", reason: "no" }).message("a", 2);
  assert.deepEqual(socket.takes(), [{ unsubscribe: ["a"] }, { subscribe: ["b"], after: {} }]);
  assert.deepEqual(errors, []);
});

test("a topic that is denied is asked for again by the next connection", async () => {
  const socket = await begins();
  topics.on("a", () => {});
  socket.opens().says({ denied: "a", reason: "not yours" });
  assert.deepEqual(
    errors.map((e) => [e.topic, e.outcome, e.message]),
    [["a", "denied", "denied: a: not yours"]],
  );
  socket.takes();
  topics.on("b", () => {});
  assert.deepEqual(socket.takes(), [{ subscribe: ["b"], after: {} }]);
  socket.ends();
  assert.deepEqual((await reconnects()).takes(), [{ subscribe: ["a", "b"], after: {} }]);
});

test("a subscription that fails is tried again when the server says", async () => {
  const socket = await begins();
  const subscription = topics.on("a", () => {}, { after: "p1" });
  topics.on("b", () => {});
  socket.opens().says({ unsubscribed: "a", retry: 2_000 }, { unsubscribed: "b", retry: 2_000 }).takes();
  subscription.off();
  await clock.advance(1_999);
  assert.deepEqual(socket.takes(), []);
  await clock.advance(1);
  assert.deepEqual(socket.takes(), [{ subscribe: ["b"], after: {} }]);
});

test("names that no server takes are refused", async () => {
  await begins();
  for (const name of ["", "a{b", "a}", "line\n", "\x7f", "\x85", "ü".repeat(101)]) {
    assert.throws(() => topics.on(name, () => {}), TypeError, name);
    assert.equal(await outcome(topics.publish(name, 1)), "TypeError");
  }
  topics.on("ü".repeat(100), () => {});
});

// Publications.

test("a publication has a position or an outcome", async () => {
  const { socket, subscription } = await subscribes();
  const all = [
    subscription.publish({ text: "hello" }),
    topics.publish("b", undefined, { echo: false }),
    topics.publish("b", 3),
    topics.publish("b", 4),
  ];
  assert.deepEqual(socket.takes(), [
    { publish: "a", id: 1, echo: true, data: { text: "hello" } },
    { publish: "b", id: 2, echo: false, data: null },
    { publish: "b", id: 3, echo: true, data: 3 },
    { publish: "b", id: 4, echo: true, data: 4 },
  ]);
  socket.says(
    { published: 1, position: "p1" },
    { failed: 3, outcome: "denied", reason: "not yours" },
    { failed: 4, outcome: "unknown", reason: "" },
    { published: 2 },
    { published: 2 },
    { failed: 99, outcome: "refused" },
  );
  assert.deepEqual(await all[0], { at: "p1" });
  assert.deepEqual(await all[1], { at: undefined });
  await assert.rejects(all[2], { outcome: "denied", message: "not yours" });
  await assert.rejects(all[3], { outcome: "unknown", message: "unknown" });
});

test("publications wait for a connection in order, and for 10 s", async () => {
  const socket = await begins();
  const early = outcome(topics.publish("a", 1));
  await clock.advance(5_000);
  const late = topics.publish("a", 2);
  await clock.advance(5_000);
  topics.publish("a", 3);
  assert.equal(await early, "refused");
  socket.opens();
  assert.deepEqual(socket.takes().map((c) => c.data), [2, 3]);
  socket.says({ published: 2, position: "p1" }, { published: 3, position: "p2" });
  assert.deepEqual(await late, { at: "p1" });
});

test("at most 1000 publications wait", async () => {
  await begins();
  const all = Array.from({ length: 1_001 }, (_, i) => outcome(topics.publish("a", i)));
  assert.equal(await all[1_000], "refused");
  topics.close();
  assert.deepEqual(new Set(await Promise.all(all)), new Set(["refused"]));
});

test("at most 64 publications are unanswered, and only these are unknown when it ends", async () => {
  const { socket } = await subscribes();
  const all = Array.from({ length: 70 }, (_, i) => outcome(topics.publish("a", i)));
  assert.equal(socket.takes().length, 64);
  socket.says({ published: 2, position: "p1" }, { failed: 3, outcome: "refused", reason: "r" });
  assert.deepEqual(socket.takes().map((c) => c.data), [64, 65]);
  socket.ends();
  const next = await reconnects();
  assert.deepEqual(next.takes().slice(1).map((c) => c.data), [66, 67, 68, 69]);
  [67, 68, 69, 70].forEach((id) => next.says({ published: id, position: "p" }));
  const outcomes = await Promise.all(all);
  assert.equal(outcomes.filter((o) => o === "unknown").length, 64);
  assert.deepEqual([outcomes[1], outcomes[2]], ["published", "refused"]);
  assert.deepEqual(new Set(outcomes.slice(66)), new Set(["published"]));
});

test("a publication without an answer is unknown after 10 s", async () => {
  const { socket } = await subscribes();
  const sent = outcome(topics.publish("a", 1));
  await clock.advance(10_000);
  assert.equal(await sent, "unknown");
  socket.says({ published: 1, position: "p1" });
});

test("close makes what is sent unknown", async () => {
  await subscribes();
  const sent = outcome(topics.publish("a", 1));
  topics.close();
  assert.equal(await sent, "unknown");
});

test("data that no server takes is refused", async () => {
  const { socket } = await subscribes({ maxBytes: 200 });
  const circle = {};
  circle.circle = circle;
  assert.equal(await outcome(topics.publish("a", circle)), "TypeError");
  assert.equal(await outcome(topics.publish("a", () => {})), "TypeError");
  assert.equal(await outcome(topics.publish("a", "ü".repeat(100))), "refused");
  assert.deepEqual(socket.takes(), []);
});

// Members.

test("members are those of the snapshot and of the changes behind it", async () => {
  const lists = [];
  const members = (list, more) => lists.push([list.map((m) => m.id + m.info).join(), more]);
  const { socket } = await subscribes({}, { members });
  assert.deepEqual(socket.takes(), [{ presence: "a" }]);
  const member = (id, info = "") => ({ id, info });
  socket.says(
    { presence: "a", version: 9, members: [member("u1"), member("u2")], more: 2 },
    { presence: "a", version: 9, joined: member("u2") },
    { presence: "a", version: 10, joined: member("u3") },
    { presence: "a", version: 11, left: member("u1") },
    { presence: "a", version: 12, joined: member("u2", "!") },
    { presence: "a", version: 13, left: member("u99") },
  );
  assert.deepEqual(lists, [["u1,u2", 2], ["u1,u2,u3", 2], ["u2,u3", 2], ["u2!,u3", 2], ["u2!,u3", 1]]);
});

test("members are asked for again after a missing change and by each connection", async () => {
  const lists = [];
  const members = (list) => lists.push(list.length);
  const { socket } = await subscribes({}, { members });
  socket.takes();
  socket.says(
    { presence: "a", version: 1, members: [{ id: "u1", info: "" }] },
    { presence: "a", version: 3, joined: { id: "u3", info: "" } },
    { presence: "a", version: 4, joined: { id: "u4", info: "" } },
  );
  assert.deepEqual(socket.takes(), [{ presence: "a" }]);
  socket.says({ presence: "a", version: 4, members: [] });
  socket.ends();
  const next = (await reconnects()).accepts();
  assert.deepEqual(next.takes(), [{ presence: "a" }]);
  assert.deepEqual(lists, [1, 0]);
  next.says({ denied: "a", reason: "no members" });
  assert.deepEqual(errors.map((e) => e.message), ["denied: a: no members"]);
  next.message("a", 1);
  topics.on("a", () => {}, { members });
  assert.deepEqual(next.takes(), [{ presence: "a" }]);
});
