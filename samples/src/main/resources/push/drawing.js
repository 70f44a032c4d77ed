// The drawing on the board: a topic that the page follows over lost connections, and over reloads.

import { Topics } from "./jev/topics.js";

const SAVED = "jev.push.drawing";
const TRIMMED = "You were away for longer than the server's log reaches back. Here is what it still has.";
const RESTARTED =
  "The server has restarted, and the drawing is gone: the log of this demo lives in the server's process." +
  " With an engine outside, it would have outlived the restart.";

export class Drawing {
  #board;
  #onChange;
  #topics;
  #subscription = null;
  #position; // behind the last message on the board
  #log; // the id of the log that the board shows
  #begin = null; // where the server says that a board begins, while it is connected
  #tried; // the position of the last subscription, unless messages have come since
  #lost = false; // the board lacks messages
  notice = "";

  /** Shows what is saved, and connects; onChange is called after changes of isOpen and notice. */
  constructor(board, onChange) {
    this.#board = board;
    this.#onChange = onChange;
    this.#load();
    addEventListener("pagehide", () => this.#save());
    const store = {
      getItem: () => this.#position,
      setItem: (_, position) => (this.#position = position),
      removeItem: () => (this.#position = undefined),
    };
    this.#topics = new Topics("topics", { store, state: onChange });
  }

  isOpen() {
    return this.#topics.state === "open";
  }

  /** Begins to read: behind the own position if there is one, otherwise where the server says. */
  welcome(begin) {
    this.#begin = begin;
    this.#log ??= begin.log;
    if (!this.#subscription) {
      this.#subscribe(this.#position ?? begin.position);
    } else if (this.#lost) {
      this.#beginAnew();
    }
  }

  /** Forgets where the server has said that a board begins: another one may come. */
  disconnected() {
    this.#begin = null;
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
    this.#tried = after;
    this.#subscription = this.#topics.on("drawing", (message) => this.#show(message), {
      after,
      lost: () => this.#onLost(),
    });
  }

  #show(message) {
    this.#tried = undefined;
    if (message.type === "stroke") {
      this.#board.add(message);
    } else if (message.type === "cleared") {
      this.#board.clear();
    }
  }

  /** The log does not have what follows the own position. The messages from now on come anyway. */
  #onLost() {
    this.#lost = true;
    this.#board.clear();
    this.#beginAnew();
  }

  #beginAnew() {
    if (!this.#begin) {
      return; // until the server is back
    }
    const { log, position } = this.#begin;
    this.#notify(log === this.#log ? TRIMMED : RESTARTED);
    this.#log = log;
    if (position !== this.#tried) {
      this.#lost = false;
      this.#board.clear();
      this.#subscription.off();
      this.#subscribe(position);
    }
  }

  // The board and its position are saved together, so that a reload continues with both.

  #load() {
    try {
      const { log, position, strokes } = JSON.parse(sessionStorage.getItem(SAVED)) ?? {};
      if (position) {
        this.#board.restore(strokes);
        this.#log = log;
        this.#position = position;
      }
    } catch {
      // nothing is saved, or storage is forbidden
    }
  }

  #save() {
    try {
      const saved = { log: this.#log, position: this.#position, strokes: this.#board.strokes() };
      sessionStorage.setItem(SAVED, JSON.stringify(saved));
    } catch {
      // full or forbidden: what was saved before is older, but complete as well
    }
  }
}
