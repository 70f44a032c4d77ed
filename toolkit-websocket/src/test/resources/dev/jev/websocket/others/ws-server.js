// Node's `ws` as servers: node ws-server.js COMPRESSION... They echo, and do what some texts ask for.
'use strict';

const { WebSocketServer } = require('ws');

function serve(socket) {
  console.log('extensions', socket.extensions);
  socket.on('message', (data, isBinary) => {
    const text = isBinary ? '' : data.toString();
    if (text === 'fragments') {
      for (const part of ['gr\u00fc', '', '\u00dfe ', 'x'.repeat(70000)]) {
        socket.send(part, { fin: false });
      }
      socket.ping('between');
      socket.send(' end', { fin: true });
    } else if (text === 'close') {
      socket.close(4001, 'bye');
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
  socket.on('pong', (payload) => socket.send(`pong ${payload}`));
  socket.on('close', (code, reason) => console.log('close', code, reason.toString()));
}

async function main() {
  for (const word of process.argv.slice(2)) {
    const perMessageDeflate = JSON.parse(word);
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate });
    server.on('connection', serve);
    await new Promise((done) => server.on('listening', done));
    console.log('port', server.address().port);
  }
}

main();
