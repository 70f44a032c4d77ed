// The drawing on the board: a topic that the page follows over lost connections, and over reloads.

import { Topics } from "./jev/topics.js";

const SAVED = "jev.push.drawing";
const OLDEST = "oldest"; // the position before all that the log has
const TRIMMED = "You were away for longer than the log reaches back. Here is what it still has.";
const RESTARTED =
  "The server has restarted, and the drawing is gone: the log of this demo lives in the server's process." +
  " With an engine outside, it would have outlived the restart.";

export class Drawing {
  #board;
  #onChange;
  #url;
  #topics;
  #subscription;
  #position; // behind the last message on the board
  #shared = false; // whether the log outlives the server's process
  notice = "";

  /** Shows what is saved, and connects to a URL; onChange is called after changes of isOpen and notice. */
  constructor(board, url, onChange) {
    this.#board = board;
    this.#onChange = onChange;
    this.#url = url;
    this.#load();
    addEventListener("pagehide", () => this.#save());
    this.#open();
  }

  #open() {
    const isMine = (key) => key.endsWith(" drawing");
    const store = {
      getItem: (key) => (isMine(key) ? this.#position : undefined),
      setItem: (key, position) => isMine(key) && (this.#position = position),
      removeItem: (key) => isMine(key) && (this.#position = undefined),
    };
    this.#topics = new Topics(this.#url, { store, state: this.#onChange });
    this.#subscribe(this.#position ?? OLDEST);
  }

  get topics() {
    return this.#topics;
  }

  isOpen() {
    return this.#topics.state === "open";
  }

  /** Closes the connection, and connects again after some time. */
  pause(millis) {
    this.#topics.close();
    setTimeout(() => this.#open(), millis);
  }

  /** Notes whether the log outlives the server's process. */
  welcome(shared) {
    this.#shared = shared;
  }

  dismissNotice() {
    this.#notify("");
  }

  #notify(notice) {
    if (this.notice !== notice) {
      this.notice = notice;
      this.#onChange();
    }
  }

  #subscribe(after) {
    this.#subscription = this.#topics.on("drawing", (message) => this.#show(message), {
      after,
      lost: () => this.#onLost(),
    });
  }

  #show(message) {
    if (message.type === "stroke") {
      this.#board.add(message);
    } else if (message.type === "cleared") {
      this.#board.clear();
    }
  }

  /** The log does not have what follows the own position: shows what it has. */
  #onLost() {
    this.#board.clear();
    this.#notify(this.#shared ? TRIMMED : RESTARTED);
    this.#subscription.off();
    this.#subscribe(OLDEST);
  }

  // The board and its position are saved together, so that a reload continues with both.

  #load() {
    try {
      const { position, shared, strokes } = JSON.parse(sessionStorage.getItem(SAVED)) ?? {};
      if (position) {
        this.#board.restore(strokes);
        this.#position = position;
        this.#shared = shared;
      }
    } catch {
      // nothing is saved, or storage is forbidden
    }
  }

  #save() {
    try {
      const saved = { position: this.#position, shared: this.#shared, strokes: this.#board.strokes() };
      sessionStorage.setItem(SAVED, JSON.stringify(saved));
    } catch {
      // full or forbidden: what was saved before is older, but complete as well
    }
  }
}
