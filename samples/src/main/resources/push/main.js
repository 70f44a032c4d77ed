// Connects the elements of the page with the server.

import { Board } from "./board.js";
import { Chart } from "./chart.js";
import { Drawing } from "./drawing.js";
import { Lanes } from "./lanes.js";
import { Link } from "./link.js";
import { Nodes } from "./nodes.js";

const PING_MS = 100;
const WARM_UP_PINGS = 5; // of a connection: a cold JVM is slow
const UNPLUGGED_MS = 5_000;
const STEP = 1_000; // subscribers, per click
const RECONNECTING = "The connection is lost. When it is back, the board gets what it has missed.";
const LOAD_NOTE = "Each is a real WebSocket connection from the server to itself.";

const find = (id) => document.getElementById(id);
const write = (id, text) => {
  if (find(id).textContent !== text) {
    find(id).textContent = text;
  }
};
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const controls = ["rate", "read", "add", "remove", "unplug", "restart"].map(find);
const chart = new Chart(find("chart"));
const lanes = new Lanes(document.querySelector(".lanes"));
const isPhone = matchMedia("(pointer: coarse)").matches;
if (isPhone) {
  write("share", "Share");
}
let linked = false; // to what is live, except topics
let nodesChanged = 0;
let follows = false; // the steps of nodes
const board = new Board(find("board"), send);
const nodes = new Nodes(() => (nodesChanged ||= requestAnimationFrame(showNodes)));
const drawing = new Drawing(board, () => nodes.url("topics"), showState);
const pings = new Map(); // from the number of a ping to the time at which it was sent
let pingNumber = 0;
let me = null;
let limits = null;
let sliderActiveUntil = 0; // the time until which the server does not move a slider
let warmUp = 0; // the number of pongs to come that are not shown

const link = new Link(() => nodes.url("live"), {
  onState: setLinked,
  onMessage: (message) => on[message.type]?.(message),
});

function send(message) {
  if (message.type === "draw") {
    drawing.dismissNotice();
  }
  return link.send(message);
}

function setLinked(state) {
  if (state !== "live") {
    nodes.disconnected();
  }
  if (linked === (state === "live")) {
    return;
  }
  linked = !linked;
  pings.clear();
  warmUp = WARM_UP_PINGS;
  if (!linked) {
    board.leave();
  }
  showState();
}

/** Shows whether both connections are open, and what has become of the drawing. */
function showState() {
  const live = linked && drawing.isOpen();
  const was = find("state").dataset.state;
  const state = live ? "live" : was === "connecting" ? was : "reconnecting";
  const notice = state === "reconnecting" ? RECONNECTING : drawing.notice;
  write("notice", notice);
  find("notice").hidden = !notice;
  if (state !== was) {
    find("state").dataset.state = state;
    document.body.classList.toggle("stale", !live);
    write("state-text", live ? "Live" : "Reconnecting…");
    controls.forEach((control) => (control.disabled = !live));
  }
}

const on = {
  welcome({ you, shared, url, maxRate, maxSimulated }) {
    me = you;
    find("share").hidden = !url;
    find("join-url").href = url ?? "./";
    write("join-url", url ?? "");
    limits = { maxSimulated };
    find("rate").max = maxRate;
    board.join(you);
    drawing.welcome(shared);
  },

  nodes(now) {
    nodes.show(now);
    find("restart").hidden = true; // a page would move to the other node
    if (!follows) {
      follows = true;
      nodes.follow(drawing.topics);
    }
  },

  pong({ number }) {
    const sent = pings.get(number);
    if (sent !== undefined) {
      pings.delete(number);
      if (warmUp > 0) {
        warmUp--;
      } else {
        chart.add(sent, performance.now() - sent);
      }
    }
  },

  numbers(now) {
    const memory = (bytes) => (bytes < 9.95e6 ? (bytes / 1e6).toFixed(1) : whole.format(bytes / 1e6));
    write("connections", whole.format(now.connections));
    write("connections-note", `${count(now.people, "browser")}, ${whole.format(now.simulated)} simulated`);
    write("pushed", whole.format(now.pushedPerSecond));
    write("pushed-note", `${whole.format(now.pushed)} pushed in total`);
    write("memory", memory(now.heapBytes + now.directBytes));
    write("memory-note", `${memory(now.heapBytes)} heap, ${memory(now.directBytes)} buffers`);
    showLoad(now);
  },

  people({ count: all, some }) {
    const items = some.map((visitor) => {
      const item = document.createElement("li");
      item.textContent = visitor.id === me?.id ? `${visitor.name} (you)` : visitor.name;
      item.dataset.color = visitor.color;
      item.style.setProperty("--color", `var(--color-${visitor.color})`);
      return item;
    });
    if (all > some.length) {
      items.push(Object.assign(document.createElement("li"), { textContent: `and ${all - some.length} more` }));
    }
    find("people").replaceChildren(...items);
  },

  restarted({ before, now, perSecond }) {
    const most = Math.max(...perSecond);
    const bars = perSecond.map((connections) => {
      const bar = document.createElement("li");
      bar.style.height = `${(100 * connections) / (most || 1)}%`;
      bar.dataset.connections = connections;
      return bar;
    });
    find("restarted-bars").replaceChildren(...bars);
    const share = Math.round((100 * most) / before);
    write("restarted-note", `${count(now, "connection")} of ${whole.format(before)} are back, at most ${share} % per second.`);
    find("restarted").hidden = false;
  },

  lanes(now) {
    lanes.show(now);
    if (performance.now() > sliderActiveUntil) {
      find("read").value = now.kilobytes;
      write("read-value", `${now.kilobytes} KB/s`);
    }
  },

  cursor: (cursor) => board.move(cursor),
  gone: ({ id }) => board.remove(id),
};

function count(number, noun) {
  return `${whole.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function showLoad({ rate, connections, simulated, simulatedGoal, pushedPerSecond }) {
  if (performance.now() > sliderActiveUntil) {
    find("rate").value = rate;
    write("rate-value", String(rate));
  }
  write("equation-rate", whole.format(rate));
  write("equation-subscribers", whole.format(connections));
  write("equation-total", whole.format(rate * connections));
  const atMost = simulatedGoal >= limits.maxSimulated;
  find("add").disabled = atMost;
  find("remove").disabled = simulatedGoal === 0;
  write("add", atMost ? "Maximum reached" : "Add 1,000 subscribers");
  if (simulated !== simulatedGoal) {
    write("load-note", progressNote(simulated, simulatedGoal));
  } else if (pushedPerSecond < 0.7 * rate * connections && performance.now() > sliderActiveUntil) {
    const pushed = whole.format(pushedPerSecond);
    write("load-note", `This machine pushes ${pushed} messages per second and skips the rest.`);
  } else {
    write("load-note", LOAD_NOTE);
  }
}

function progressNote(simulated, goal) {
  const verb = simulated < goal ? "Connecting" : "Disconnecting";
  return `${verb}: ${whole.format(simulated)} simulated subscribers, target ${whole.format(goal)}.`;
}

/** Shows the nodes, with a button to kill each, and what the page has got of their messages. */
function showNodes() {
  nodesChanged = 0;
  const items = nodes.list().map(({ number, port, up, here }) => {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("span"), { textContent: `Node ${number}, port ${port}` });
    const state = here ? "serves this page" : up ? "runs" : "is down";
    const note = Object.assign(document.createElement("small"), { textContent: state });
    const kill = Object.assign(document.createElement("button"), { type: "button", textContent: "Kill" });
    kill.className = "button quiet";
    kill.disabled = !up;
    kill.setAttribute("aria-label", `Kill node ${number}`);
    kill.addEventListener("click", () => link.send({ type: "kill", node: number }));
    item.dataset.state = here ? "here" : up ? "up" : "down";
    item.append(name, note, kill);
    return item;
  });
  const shown = items.map((item) => item.textContent).join();
  if (find("nodes-list").dataset.shown !== shown) {
    find("nodes-list").dataset.shown = shown;
    find("nodes-list").replaceChildren(...items);
  }
  const { received, missed, twice, moves } = nodes.counts;
  write("steps-received", whole.format(received));
  write("steps-missed", whole.format(missed));
  write("steps-twice", whole.format(twice));
  write("steps-moves", whole.format(moves));
  find("nodes").hidden = false;
}

function showTrip() {
  const summary = chart.summary();
  const last = chart.recent();
  write("trip", last === null ? "–" : milliseconds(last));
  write("typical", summary === null ? "–" : milliseconds(summary.typical));
  write("worst", summary === null ? "–" : milliseconds(summary.worst));
}

function milliseconds(value) {
  return value < 100 ? value.toFixed(1) : whole.format(value);
}

function ping() {
  if (link.isIdle() && pings.size < 50) {
    pings.set(++pingNumber, performance.now());
    link.send({ type: "ping", number: pingNumber });
  }
}

/** Calls a function with the value of a slider, at most ten times per second. */
function onSlide(id, show, sendValue) {
  let timer = 0;
  find(id).addEventListener("input", () => {
    write(`${id}-value`, show(find(id).value));
    sliderActiveUntil = performance.now() + 2_500;
    timer ||= setTimeout(() => {
      timer = 0;
      sendValue(Number(find(id).value));
    }, 100);
  });
}

/** Closes the connections of the page for some seconds, as if its network were gone. */
function unplug() {
  drawing.pause(UNPLUGGED_MS);
  link.pause(UNPLUGGED_MS);
  follows = false;
}

/** Hands the address to other programs of a phone, or shows it to one. */
function share() {
  const { href } = find("join-url");
  const show = () => {
    find("join-code").src = "share.svg";
    find("join").showModal();
  };
  if (isPhone && navigator.share) {
    navigator.share({ title: document.title, url: href }).catch(({ name }) => name === "AbortError" || show());
  } else {
    show();
  }
}

async function showCode() {
  const answer = await fetch("PriceServer.java").catch(() => null);
  if (!answer?.ok) {
    return; // the server restarts
  }
  const source = await answer.text();
  find("code-java").textContent = source.slice(source.indexOf("/**")).trim();
  find("code-java").dataset.source = source;
  find("code").showModal();
}

async function copy(button) {
  const { dataset, textContent } = find(button.dataset.copy);
  await navigator.clipboard.writeText(dataset.source ?? textContent);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2_000);
}

onSlide("rate", String, (perSecond) => link.send({ type: "rate", perSecond }));
onSlide("read", (value) => `${value} KB/s`, (kilobytes) => link.send({ type: "read", kilobytes }));
find("restart").addEventListener("click", () => link.send({ type: "restart" }));
find("share").addEventListener("click", share);
find("unplug").addEventListener("click", unplug);
find("show-code").addEventListener("click", showCode);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard; // which pages have only by https and from this machine
  button.addEventListener("click", () => copy(button));
}
find("add").addEventListener("click", () => link.send({ type: "subscribers", change: STEP }));
find("remove").addEventListener("click", () => link.send({ type: "subscribers", change: -limits.maxSimulated }));
find("clear").addEventListener("click", () => link.send({ type: "clear" }));
setInterval(ping, PING_MS);
setInterval(() => {
  showTrip();
  find("clear").disabled = board.isEmpty() || find("state").dataset.state !== "live";
}, 500);
