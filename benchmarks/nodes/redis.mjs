// Compares what a stored publication of 128 bytes costs Redis, alone and in batches of 16, with the commands of
// Centrifuge, whose script is not part of this project. See ../RESULTS.md.
//
//   npm install && node redis.mjs PATH_OF_broker_history_add_stream.lua [ROUNDS]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createClient } from "redis";

const COUNT = 4_000; // publications of a slice
const DEPTH = 50; // under way at once
const TOPICS = 100;
const TEXT = "x".repeat(128);
const rounds = Number(process.argv[3] ?? 15);
const resources = new URL("../../toolkit-redis/src/main/resources/dev/jev/redis/", import.meta.url);
const ours = ["enter", "publish-log"]
  .map((name) => readFileSync(new URL(`${name}.lua`, resources), "utf8"))
  .join("");

const free = createServer().listen(0, "127.0.0.1");
await once(free, "listening");
const { port } = free.address();
free.close();
const redis = spawn("taskset", ["-c", "0", "redis-server", "--port", String(port), "--save", ""], { stdio: "pipe" });
process.on("exit", () => redis.kill("SIGKILL"));
for await (const data of redis.stdout) {
  if (String(data).includes("Ready to accept")) {
    break;
  }
}
redis.stdout.resume();
const client = createClient({ url: `redis://127.0.0.1:${port}` });
await client.connect();
const digests = {
  jev: await client.scriptLoad(ours),
  centrifuge: await client.scriptLoad(readFileSync(process.argv[2], "utf8")),
};
const subscriber = client.duplicate(); // one node listens to each topic
await subscriber.connect();

const frame = (payloads) => "i".repeat(18) + payloads.map((text) => `${text.length}${text}`).join("");

const publications = {
  jev: (topic, payloads) => [
    "EVALSHA", digests.jev, "3", `jev:{a}l:${topic}`, `jev:{a}x:${topic}`, "jev:{a}f:node",
    "1", "-", "12345678", "12345678.bnode1", "1000", "4194304", "120000", frame(payloads),
  ],
  centrifuge: (topic, payloads) => centrifuge(topic, payloads[0], "none", ""),
  // Only with a key is a publication that is tried again recognized, as those of Jev are.
  recognized: (topic, payloads) => centrifuge(topic, payloads[0], `key${keys++}`, "300"),
};

let keys = 0;

const centrifuge = (topic, payload, key, keySeconds) => [
  "EVALSHA", digests.centrifuge, "3", `c:{a}s:${topic}`, `c:{a}m:${topic}`, `c:{a}r:${topic}:${key}`,
  payload, "1000", "120", `c:{a}c:${topic}`, "2592000", "epoch", "spublish", keySeconds, "0",
];

for (let topic = 0; topic < TOPICS; topic++) {
  await subscriber.sSubscribe([`jev:{a}l:${topic}`, `c:{a}c:${topic}`], () => {});
}

async function cpuMicros() {
  const info = await client.info("cpu");
  const of = (name) => Number(new RegExp(`${name}:([0-9.]+)`).exec(info)[1]);
  return (of("used_cpu_user") + of("used_cpu_sys")) * 1e6;
}

/** Returns the time that Redis has spent in scripts. */
async function scriptMicros() {
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
}

/** Publishes messages of a kind in batches; returns the time per message: of Redis' processor, and in its script. */
async function slice(kind, batch) {
  const payloads = Array(batch).fill(TEXT);
  const [cpu, script] = [await cpuMicros(), await scriptMicros()];
  for (let sent = 0; sent < COUNT; sent += DEPTH) {
    await Promise.all(
      Array.from({ length: DEPTH }, (_, i) => client.sendCommand(publications[kind]((sent + i) % TOPICS, payloads))),
    );
  }
  const messages = COUNT * batch;
  return { cpu: ((await cpuMicros()) - cpu) / messages, script: ((await scriptMicros()) - script) / messages };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const kinds = { alone: ["jev", 1], batched: ["jev", 16], centrifuge: ["centrifuge", 1], recognized: ["recognized", 1] };
const figures = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]));
for (let round = -2; round < rounds; round++) {
  for (const name of Object.keys(kinds)) {
    const measured = await slice(...kinds[name]);
    if (round >= 0) {
      figures[name].push(measured);
    }
  }
}
const of = (name, key) => median(figures[name].map((each) => each[key])).toFixed(2);
const ratio = (name, other, key) => median(figures[name].map((each, i) => each[key] / figures[other][i][key])).toFixed(2);
for (const name of Object.keys(kinds)) {
  console.log(
    `${name}: ${of(name, "cpu")} us, script ${of(name, "script")} us; relative to centrifuge ` +
      `${ratio(name, "centrifuge", "cpu")}, script ${ratio(name, "centrifuge", "script")}; relative to recognized ` +
      `${ratio(name, "recognized", "cpu")}, script ${ratio(name, "recognized", "script")}`,
  );
}
process.exit(0);
