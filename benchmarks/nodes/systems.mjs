// The systems that are compared: how to start a node, and a client that returns to another one.

import { copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { io } from "socket.io-client";
import WebSocket from "ws";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// A module for Node needs another name than one for browsers.
const script = join(mkdtempSync(join(tmpdir(), "jev-nodes-")), "topics.mjs");
copyFileSync(here("../../toolkit-nodes/src/main/resources/jev-topics/jev/topics.js"), script);
const { Topics } = await import(pathToFileURL(script).href);

// Hazelcast asks for these.
const hazelcast = [
  "--add-modules", "java.se", "--add-exports", "java.base/jdk.internal.ref=ALL-UNNAMED",
  ...["java.base/java.lang", "java.base/sun.nio.ch", "java.management/sun.management",
    "jdk.management/com.sun.management.internal"].flatMap((each) => ["--add-opens", `${each}=ALL-UNNAMED`]),
];

const topics = ["java", "-Xmx256m", "-jar", here("../../samples/target/samples.jar"), "topics", "--port", "0"];

function topicsClient(nextPort, onMessage) {
  let topics;
  let lost = 0;
  const client = {
    publish: (data) => topics.publish("room", data),
    close: () => topics.close(),
    told: () => lost,
  };
  const first = nextPort();
  let calls = 0; // the first one is for a check of the URL, the second one for the first attempt
  const port = () => (++calls <= 2 ? first : nextPort());
  client.ready = new Promise((resolve) => {
    topics = new Topics(() => `ws://127.0.0.1:${port()}/topics`, { WebSocket });
    topics.on("room", onMessage, { start: resolve, lost: () => lost++ });
  });
  return client;
}

/**
 * Each client is made with a function that returns the port of the next node to try, and one that gets each message;
 * it has ready, a promise; publish(data), which resolves when the message is taken; recovered, the number of times
 * that it has come back with its state; and close().
 */
export const systems = {
  jev: {
    command: (redisPort) => [...topics, "--nodes", `redis://127.0.0.1:${redisPort}`],
    client: topicsClient,
  },

  "jev io_uring": {
    command: (redisPort) => [...topics, "--nodes", `redis://127.0.0.1:${redisPort}`, "--transport", "io_uring"],
    client: topicsClient,
  },

  local: { nodes: 1, command: () => topics, client: topicsClient },

  "socket.io": {
    command: (redisPort) => ["node", here("socketio-server.mjs"), String(redisPort)],
    client(nextPort, onMessage) {
      const url = () => `ws://127.0.0.1:${nextPort()}`;
      const socket = io(url(), {
        transports: ["websocket"],
        reconnectionDelay: 250, // as the other's mean
        reconnectionDelayMax: 250,
        forceNew: true,
      });
      // The client has one URL, so that of the next node is set as a load balancer would.
      socket.io.on("reconnect_attempt", () => (socket.io.uri = url()));
      socket.on("message", onMessage);
      let connections = 0;
      let recovered = 0;
      socket.on("connect", () => (connections++ ? (recovered += socket.recovered ? 1 : 0) : undefined));
      return {
        ready: new Promise((resolve) => socket.once("connect", resolve)),
        publish: (data) => socket.timeout(10_000).emitWithAck("publish", data),
        close: () => socket.close(),
        told: () => (connections > 1 && !recovered ? 1 : 0), // the application may look at `recovered`
      };
    },
  },

  vertx: {
    command: (redisPort) => [
      "java", "-Xmx256m", ...hazelcast, "-cp", here("vertx/target/classes") + ":" + here("vertx/target/lib/*"),
      "VertxNode", String(redisPort - 10_000), // Redis itself has no part in it
    ],
    client(nextPort, onMessage) {
      const socket = new WebSocket(`ws://127.0.0.1:${nextPort()}/eventbus/websocket`);
      const send = (message) => socket.send(JSON.stringify(message));
      socket.on("message", (text) => {
        const message = JSON.parse(text);
        if (message.type === "rec") {
          onMessage(message.body);
        }
      });
      const pings = setInterval(() => send({ type: "ping" }), 5_000); // as its client does
      socket.once("close", () => clearInterval(pings));
      return {
        ready: new Promise((resolve) =>
          socket.once("open", () => {
            send({ type: "register", address: "room" });
            setTimeout(resolve, 500); // a registration is not answered, and the other node has to learn of it
          }),
        ),
        publish: async (data) => send({ type: "publish", address: "room", body: data }), // is not acknowledged
        close: () => socket.close(),
        told: () => 0,
      };
    },
  },
};
