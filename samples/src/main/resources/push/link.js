// A WebSocket connection that reconnects automatically.

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8_000;
const READ_TIMEOUT_MS = 10_000;

export class Link {
  #url;
  #onState;
  #onMessage;
  #socket = null;
  #attempts = 0;
  #retry = 0;
  #lastRead = 0;

  /** Connects to the URL that a function returns for each attempt. */
  constructor(url, { onState, onMessage }) {
    this.#url = url;
    this.#onState = onState;
    this.#onMessage = onMessage;
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => this.#reconnectNow());
    setInterval(() => this.#checkTimeout(), 2_000);
    this.#connect();
  }

  /** Sends an object as JSON; returns false if the connection is not open. */
  send(message) {
    const open = this.#socket?.readyState === WebSocket.OPEN;
    if (open) {
      this.#socket.send(JSON.stringify(message));
    }
    return open;
  }

  /** Returns whether the connection is open and its send buffer is empty. */
  isIdle() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#socket.bufferedAmount === 0;
  }

  /** Closes the connection, and connects again after some time. */
  pause(millis) {
    const socket = this.#socket;
    clearTimeout(this.#retry);
    this.#retry = 0; // nothing else shall connect
    this.#socket = null;
    socket?.close();
    this.#onState("reconnecting");
    setTimeout(() => this.#connect(), millis);
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    const url = this.#url();
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#lastRead = performance.now();
    socket.onmessage = (event) => {
      this.#attempts = 0;
      this.#lastRead = performance.now();
      this.#onState("live");
      this.#onMessage(JSON.parse(event.data));
    };
    socket.onclose = () => this.#onLost(socket);
  }

  #onLost(socket) {
    if (socket !== this.#socket) {
      return;
    }
    this.#socket = null;
    this.#onState("reconnecting");
    // Exponential backoff with jitter.
    const bound = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** this.#attempts++);
    this.#retry = setTimeout(() => this.#connect(), bound * (0.5 + Math.random() / 2));
  }

  #reconnectNow() {
    if (this.#retry && !document.hidden) {
      this.#attempts = 0;
      this.#connect();
    }
  }

  /** Reconnects if nothing arrives: the server may be gone without a close. */
  #checkTimeout() {
    const socket = this.#socket;
    if (socket && performance.now() - this.#lastRead > READ_TIMEOUT_MS) {
      socket.close();
      this.#onLost(socket);
    }
  }
}
