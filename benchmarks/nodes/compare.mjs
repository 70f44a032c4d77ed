// Compares systems on two nodes with one Redis, each node a process: what is lost when a node is killed, and what a
// delivery costs. See ../RESULTS.md.
//
//   npm install && node compare.mjs kill  [--clients 60] [--rate 400] [--seconds 5] [--rounds 3]
//   npm install && node compare.mjs steady [--clients 200] [--rate 100] [--seconds 5] [--rounds 9] [--warmup 60]
//
// --systems jev,socket.io are compared by default. There are also "jev io_uring"; local, which is Jev on one node without
// Redis; and vertx, for which ../../mvnw -f vertx/pom.xml package comes first.
//
// kill: half of the clients are at each node; halfway the node of one half is killed (SIGKILL), and its clients go to
// the other one. A message counts as lost for a client that did not get it, whether it was told of a loss or not.
// steady: all clients but the publishers are at the second node; its processor time is divided by its deliveries.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { systems } from "./systems.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: "string" },
    rate: { type: "string" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string" },
    warmup: { type: "string", default: "60" }, // seconds: the JVM compiles what runs often
    systems: { type: "string", default: "jev,socket.io" },
  },
});
const kills = positionals[0] === "kill";
if (!kills && positionals[0] !== "steady") {
  throw new Error(`experiment: ${positionals[0]} (expected: kill or steady)`);
}
const clients = Number(values.clients ?? (kills ? 60 : 200));
const rate = Number(values.rate ?? (kills ? 400 : 100));
const seconds = Number(values.seconds);
const rounds = Number(values.rounds ?? (kills ? 3 : 9));
const names = values.systems.split(",");

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const now = () => Number(process.hrtime.bigint()) / 1e6; // ms
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
const median = (numbers) => quantile([...numbers].sort((a, b) => a - b), 0.5);
const TICKS = 100; // of a second, in /proc
const PUBLISHERS = Math.max(8, Math.ceil(rate / 80)); // a connection may publish 100 messages per second to Jev

const started = new Set();
process.on("exit", () => started.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => process.exit(1));
}

/** Starts a program on the first processor; resolves when a line of its output matches. */
function start(command, pattern) {
  const child = spawn("taskset", ["-c", "0", ...command], { stdio: ["ignore", "pipe", "inherit"] });
  started.add(child);
  child.once("exit", () => started.delete(child));
  return new Promise((resolve, reject) => {
    let text = "";
    child.once("exit", (code) => reject(new Error(`${command[0]} has ended: ${code}`)));
    child.stdout.on("data", (data) => {
      text += data;
      const match = pattern.exec(text);
      if (match) {
        resolve({ child, port: Number(match[1]) });
      }
    });
  });
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

function end({ child }) {
  return new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGKILL");
  });
}

/** Returns the processor time of a process, in microseconds. */
function cpuMicros({ child }) {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "latin1").split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS;
}

async function cluster(name) {
  const redisPort = await freePort();
  const redis = await start(
    ["redis-server", "--port", String(redisPort), "--bind", "127.0.0.1", "--save", ""],
    /(Ready to accept)/,
  );
  const listening = /listening on tcp:\/\/127\.0\.0\.1:(\d+)/;
  const nodes = [];
  for (let i = 0; i < (systems[name].nodes ?? 2); i++) {
    nodes.push(await start(systems[name].command(redisPort), listening));
  }
  return { name, redis, nodes };
}

async function connect({ name, nodes }, count, nodeOf) {
  const got = Array.from({ length: count }, () => []);
  const all = got.map((messages, index) => {
    let attempts = 0;
    const nextPort = () => nodes[(nodeOf(index) + attempts++) % nodes.length].port;
    return systems[name].client(nextPort, (data) => messages.push({ n: data.n, millis: now() - data.at }));
  });
  await Promise.all(all.map((client) => client.ready));
  return { all, got };
}

/** Publishes at the rate, by some clients in turn; returns the numbers of the messages that were acknowledged. */
async function publish(publishers, from, count) {
  const acknowledged = [];
  const open = [];
  const begin = now();
  for (let n = 0; n < count; n++) {
    const wait = begin + (n * 1000) / rate - now();
    if (wait > 0) {
      await sleep(wait);
    }
    const data = { n: from + n, at: now(), text: "x".repeat(64) };
    open.push(publishers[n % publishers.length].publish(data).then(() => acknowledged.push(data.n), () => {}));
  }
  await Promise.all(open);
  return acknowledged;
}

async function killRound(name) {
  const system = await cluster(name);
  const { all, got } = await connect(system, clients, (index) => index % 2);
  const publishers = all.filter((_, index) => index % 2 === 0).slice(0, PUBLISHERS); // at the node that stays
  await sleep(500);
  const half = (rate * seconds) / 2;
  const publishing = publish(publishers, 0, 2 * half);
  await sleep((seconds * 1000) / 2);
  await end(system.nodes[1]);
  const acknowledged = await publishing;
  await sleep(5_000);
  let lost = 0;
  let twice = 0;
  let disordered = 0;
  for (const messages of got) {
    const seen = new Set(messages.map(({ n }) => n));
    lost += acknowledged.filter((n) => !seen.has(n)).length;
    twice += messages.length - seen.size;
    const last = []; // of each publisher
    for (const { n } of messages) {
      disordered += n < last[n % PUBLISHERS] ? 1 : 0;
      last[n % PUBLISHERS] = n;
    }
  }
  const told = all.reduce((sum, client) => sum + client.told(), 0);
  all.forEach((client) => client.close());
  await Promise.all([end(system.nodes[0]), end(system.redis)]);
  return { system: name, expected: acknowledged.length * clients, lost, twice, disordered, told };
}

/** One slice of load on a cluster that stays up. */
async function slice({ system, all, got }, from) {
  got.forEach((messages) => messages.splice(0));
  const count = rate * seconds;
  const receiving = system.nodes.at(-1);
  const before = cpuMicros(receiving);
  const acknowledged = await publish(all.slice(0, PUBLISHERS), from, count);
  await sleep(300);
  const received = got.slice(PUBLISHERS);
  const deliveries = received.reduce((sum, messages) => sum + messages.length, 0);
  const millis = received.flatMap((messages) => messages.map((m) => m.millis)).sort((a, b) => a - b);
  return {
    microsPerDelivery: (cpuMicros(receiving) - before) / deliveries,
    missing: acknowledged.length * received.length - deliveries,
    p50: quantile(millis, 0.5),
    p99: quantile(millis, 0.99),
  };
}

async function steady() {
  const up = [];
  for (const name of names) {
    const system = await cluster(name);
    up.push({ system, ...(await connect(system, clients + PUBLISHERS, (index) => (index < PUBLISHERS ? 0 : 1))), slices: [] });
  }
  const first = -Math.ceil(values.warmup / seconds);
  for (let round = first; round < rounds; round++) {
    for (const each of up) {
      const measured = await slice(each, (round - first) * rate * seconds);
      if (round >= 0) {
        each.slices.push(measured);
        console.log(JSON.stringify({ system: each.system.name, round, ...measured }));
      }
    }
  }
  const reference = up[0].slices;
  for (const { system, slices } of up) {
    const of = (key) => median(slices.map((s) => s[key]));
    const ratio = median(reference.map((s, i) => s.microsPerDelivery / slices[i].microsPerDelivery));
    console.log(
      `${system.name}: ${of("microsPerDelivery").toFixed(2)} us per delivery, ` +
        `p50 ${of("p50").toFixed(2)} ms, p99 ${of("p99").toFixed(2)} ms, ` +
        `missing ${slices.reduce((sum, s) => sum + s.missing, 0)}; ${names[0]} costs ${ratio.toFixed(2)} of it`,
    );
  }
}

if (kills) {
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      console.log(JSON.stringify({ round, ...(await killRound(name)) }));
    }
  }
} else {
  await steady();
}
process.exit(0);
