// topics.js against a real server: live-client.mjs WHAT URLS ARGUMENTS... prints a JSON object per line.
// Connections go to the URLs in turn. Waits are at most 60 ms.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { MemoryStore } from "./fakes.mjs";
import { Topics } from "./topics.mjs";

Math.random = () => 0.002;

const [what, urlList, ...rest] = process.argv.slice(2);
const urls = urlList.split(",");
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = (object) => console.log(JSON.stringify(object));
let connections = 0;

class NextSocket extends WebSocket {
  constructor(url, protocol) {
    super(urls[connections++ % urls.length], protocol);
  }
}

const connects = (options) => new Topics(urls[0], { WebSocket: NextSocket, ...options });

const commands = {
  /** Gets consecutive numbers until the text "last". After each so many of them the page is loaded anew. */
  async follow(topic, reload) {
    const store = new MemoryStore();
    let next = 1;
    let loads = 0;
    await new Promise((done, fail) => {
      const load = () => {
        const topics = connects({ store, error: fail });
        const handler = (number) => {
          if (number === "last") {
            topics.close();
            done();
            return;
          }
          assert.equal(number, next++);
          if (number % reload === 0) {
            topics.close();
            setImmediate(load); // the position is stored when the handler has returned
          }
        };
        loads++;
        topics.on(topic, handler, { start: () => tell({ started: topic }) });
      };
      load();
    });
    tell({ got: next - 1, loads, connections });
  },

  /** Publishes numbers, half of them not to itself, and gets the others in order, at the positions of the answers. */
  async publish(topic, count) {
    const topics = connects();
    const got = [];
    await new Promise((start) => topics.on(topic, (number, at) => got.push([number, at]), { start }));
    const expected = [];
    for (let number = 1; number <= count; number++) {
      const echo = number % 2 === 0;
      const { at } = await topics.publish(topic, number, { echo });
      if (echo) {
        expected.push([number, at]);
      }
    }
    await new Promise((done) => {
      topics.on(topic, (data) => data === "last" && done());
      topics.publish(topic, "last");
    });
    topics.close();
    assert.deepEqual(got.slice(0, expected.length), expected);
    assert.equal(got[expected.length][0], "last");
    tell({ published: count });
  },

  /** Tells of messages and losses, and is away from the input "away" to the input "back". */
  async leave(topic) {
    const store = new MemoryStore();
    const load = () => {
      const topics = connects({ store });
      topics.on(topic, (data) => tell({ data }), {
        start: () => tell({ started: topic }),
        lost: () => tell({ lost: topic }),
      });
      return topics;
    };
    let topics = load();
    for await (const line of input) {
      if (line === "away") {
        topics.close();
        tell({ away: topic });
      } else if (line === "back") {
        topics = load();
      } else {
        topics.close();
        return;
      }
    }
  },

  /** Tells of the members until there is none. */
  async members(topic) {
    const topics = connects();
    await new Promise((done) => {
      let some = false;
      topics.on(topic, () => {}, {
        members: (list) => {
          tell({ members: list.map((member) => member.id).sort() });
          some ||= list.length > 1;
          if (some && list.length === 1) {
            done();
          }
        },
      });
    });
    topics.close();
  },

  /** Tells of what is denied. */
  async deny(topic) {
    const errors = [];
    const topics = connects({ error: (error) => errors.push([error.topic, error.outcome]) });
    topics.on(topic, () => {});
    const error = await topics.publish(topic, 1).catch((e) => e);
    topics.close();
    tell({ outcome: error.outcome, errors });
  },

  /** Tells of the state until it is closed. */
  async state(...names) {
    await new Promise((done) => {
      const topics = connects({
        error: ({ code, message }) => tell({ code, message }),
        state: (state) => tell({ state }) || (state === "closed" && done()),
      });
      names.forEach((name) => topics.on(name, () => {}));
    });
  },
};

await commands[what](...rest.map((argument) => (/^\d+$/.test(argument) ? Number(argument) : argument)));
process.exit();
