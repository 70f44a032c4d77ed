// A node of socket.io with its adapter for Redis streams and its connection state recovery.
// Arguments: the port of Redis.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const redis = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
await redis.connect();
const server = createServer();
const io = new Server(server, {
  adapter: createAdapter(redis),
  transports: ["websocket"],
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
});
io.on("connection", (socket) => {
  socket.join("room");
  socket.on("publish", (data, answer) => {
    io.to("room").emit("message", data);
    answer();
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening on tcp://127.0.0.1:${server.address().port}`));
