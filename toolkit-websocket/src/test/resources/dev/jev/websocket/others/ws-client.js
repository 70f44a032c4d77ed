// Node's `ws` as a client of an echo server: node ws-client.js URI COMPRESSION...
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const { once } = require('node:events');
const WebSocket = require('ws');

const uri = process.argv[2];
const compressions = process.argv.slice(3).map((word) => JSON.parse(word));
const lengths = [1 << 20, 0, 1, 125, 126, 65535, 65536];

async function talk(perMessageDeflate) {
  const socket = new WebSocket(uri, { perMessageDeflate });
  const heard = [];
  let wake = () => {};
  socket.on('message', (data, isBinary) => {
    heard.push({ data, isBinary });
    wake();
  });
  await once(socket, 'open');
  console.log('extensions', socket.extensions);

  async function echoed(data, isBinary) {
    if (!heard.length) {
      await new Promise((done) => (wake = done));
    }
    const message = heard.shift();
    assert.strictEqual(message.isBinary, isBinary);
    assert.ok(message.data.equals(Buffer.from(data)), `${data.length} bytes come back`);
  }

  for (const length of lengths) {
    for (const compress of [true, false]) {
      socket.send('x'.repeat(length), { compress });
      await echoed('x'.repeat(length), false);
      const random = crypto.randomBytes(length);
      socket.send(random, { compress });
      await echoed(random, true);
    }
  }
  for (let i = 0; i < 100; i++) {
    socket.send(`message ${i} of many that resemble each other`);
  }
  for (let i = 0; i < 100; i++) {
    await echoed(`message ${i} of many that resemble each other`, false);
  }

  for (const part of ['one ', '', 'gr\u00fc', '\u00dfe \u20ac ', 'x'.repeat(70000)]) {
    socket.send(part, { fin: false });
  }
  socket.ping('between');
  socket.send(' end', { fin: true });
  const [payload] = await once(socket, 'pong');
  assert.strictEqual(payload.toString(), 'between');
  await echoed('one gr\u00fc\u00dfe \u20ac ' + 'x'.repeat(70000) + ' end', false);

  const closed = once(socket, 'close');
  socket.close(4321, 'gr\u00fc\u00dfe');
  const [code, reason] = await closed;
  console.log('close', code, reason.toString());
}

async function main() {
  for (const compression of compressions) {
    await talk(compression);
    lengths[0] = 1000; // once is enough
  }
}

main();
