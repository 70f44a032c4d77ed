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

/**
 * Each client is made with a function that returns the port of the next node to try, and one that gets each message;
 * it has ready, a promise; publish(data), which resolves when the message is taken; recovered, the number of times
 * that it has come back with its state; and close().
 */
export const systems = {
  jev: {
    command: (redisPort) => [
      "java", "-Xmx256m", "-jar", here("../../samples/target/samples.jar"), "topics", "--port", "0",
      "--nodes", `redis://127.0.0.1:${redisPort}`,
    ],
    client(nextPort, onMessage) {
      let topics;
      let lost = 0;
      const client = {
        publish: (data) => topics.publish("room", data),
        close: () => topics.close(),
        told: () => lost,
      };
      client.ready = new Promise((resolve) => {
        topics = new Topics(() => `ws://127.0.0.1:${nextPort()}/topics`, { WebSocket });
        topics.on("room", onMessage, { start: resolve, lost: () => lost++ });
      });
      return client;
    },
  },

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
};
