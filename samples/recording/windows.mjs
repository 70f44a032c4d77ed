// Takes the pictures of two windows of the sample push: one draws, both show it, then the other shows the lanes.
// windows.mjs PORT DIRECTORY writes DIRECTORY/left-000.png, right-000.png and so on, five per second.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [port, directory] = process.argv.slice(2);
const PERIOD_MS = 200;
const SIZE = { width: 540, height: 660, deviceScaleFactor: 1, mobile: false };

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** A window of a browser of its own, since hidden windows are not drawn; speaks the DevTools protocol. */
class Window {
  #browser;
  #profile = mkdtempSync(join(tmpdir(), "jev-recording"));
  #socket;
  #lastId = 0;
  #waiting = new Map();

  static async open(debugPort) {
    const window = new Window();
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"];
    flags.push(`--remote-debugging-port=${debugPort}`, `--user-data-dir=${window.#profile}`);
    window.#browser = spawn("chromium", flags, { stdio: "ignore" });
    let targets = null;
    while (!targets?.length) {
      await sleep(100);
      targets = await fetch(`http://127.0.0.1:${debugPort}/json`).then((answer) => answer.json()).catch(() => null);
    }
    window.#socket = new WebSocket(targets.find(({ type }) => type === "page").webSocketDebuggerUrl);
    await new Promise((resolve) => (window.#socket.onopen = resolve));
    window.#socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      window.#waiting.get(id)?.(result);
      window.#waiting.delete(id);
    };
    await window.send("Emulation.setDeviceMetricsOverride", SIZE);
    await window.send("Page.navigate", { url: `http://127.0.0.1:${port}/` });
    return window;
  }

  send(method, params = {}) {
    return new Promise((resolve) => {
      this.#waiting.set(++this.#lastId, resolve);
      this.#socket.send(JSON.stringify({ id: this.#lastId, method, params }));
    });
  }

  async run(expression) {
    return (await this.send("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  }

  scrollsTo(selector) {
    return this.run(`document.querySelector("${selector}").scrollIntoView({ block: "start" }); scrollBy(0, -8)`);
  }

  async picture(file) {
    writeFileSync(file, Buffer.from((await this.send("Page.captureScreenshot")).data, "base64"));
  }

  async close() {
    const exit = new Promise((resolve) => this.#browser.on("exit", resolve));
    this.#browser.kill();
    await exit;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async mouse(type, x, y) {
    const box = await this.run(
      "(({ left, top, width, height }) => ({ left, top, width, height }))" +
        "(document.getElementById('drawing').getBoundingClientRect())",
    );
    const buttons = type === "mouseReleased" ? 0 : 1;
    const position = { x: box.left + x * box.width, y: box.top + y * box.height };
    await this.send("Input.dispatchMouseEvent", { type, button: "left", buttons, clickCount: 1, ...position });
  }
}

/** Returns a point of the line that is drawn: a wave. */
function point(share) {
  return [0.12 + 0.76 * share, 0.5 - 0.28 * Math.sin(3 * Math.PI * share)];
}

async function record(left, right) {
  const DRAWN = 22; // frames in which a line is drawn
  const FRAMES = 52;
  await left.scrollsTo(".board-card");
  await right.scrollsTo(".board-card");
  await left.mouse("mousePressed", ...point(0));
  for (let frame = 0; frame < FRAMES; frame++) {
    const due = performance.now() + PERIOD_MS;
    if (frame < DRAWN) {
      for (let part = 1; part <= 4; part++) {
        await left.mouse("mouseMoved", ...point((frame + part / 4) / DRAWN));
      }
    } else if (frame === DRAWN) {
      await left.mouse("mouseReleased", ...point(1));
    } else if (frame === DRAWN + 6) {
      await right.scrollsTo(".lanes");
    }
    const number = String(frame).padStart(3, "0");
    await Promise.all([left.picture(join(directory, `left-${number}.png`)), right.picture(join(directory, `right-${number}.png`))]);
    await sleep(due - performance.now());
  }
}

const debugPort = 9222 + 2 * (process.pid % 1000);
const left = await Window.open(debugPort);
const right = await Window.open(debugPort + 1);
try {
  await sleep(10_000); // the lanes fill
  await record(left, right);
} finally {
  await left.close();
  await right.close();
}
process.exit(0);
