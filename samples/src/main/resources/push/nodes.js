// The nodes that serve this page, and the proof that it misses none of their messages.

export class Nodes {
  #onChange;
  #all = []; // as the server says
  #here = null; // the number of the node to which the page is connected
  #port = location.port; // of the node to connect to
  #last = new Map(); // the last step of each run
  #position; // behind it
  counts = { received: 0, missed: 0, twice: 0, moves: 0 };

  /** onChange is called when there is something else to show. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Returns a URL of the node to connect to. */
  url(path) {
    const url = new URL(path, location.href);
    url.port = this.#port;
    return url;
  }

  /** Lets the next attempt to connect go to the next node, since the last one has failed. */
  disconnected() {
    const ports = this.#all.map((node) => String(node.port));
    this.#port = ports[(ports.indexOf(this.#port) + 1) % ports.length] ?? this.#port;
  }

  /** Notes what the server says of its nodes. */
  show({ here, all }) {
    if (this.#here !== null && here !== this.#here) {
      this.counts.moves++;
    }
    this.#here = here;
    this.#all = all;
    this.#port = String(all[here - 1].port);
    this.#onChange();
  }

  /** Begins to read the numbered messages of all nodes. */
  follow(topics) {
    const handler = (step, position) => {
      this.#position = position;
      this.#count(step);
    };
    topics.on("steps", handler, { after: this.#position, lost: () => this.#lost() });
  }

  #count({ run, step }) {
    const last = this.#last.get(run);
    this.counts.received++;
    if (last !== undefined) {
      this.counts.missed += Math.max(0, step - last - 1);
      this.counts.twice += step <= last ? 1 : 0;
    }
    this.#last.set(run, Math.max(step, last ?? 0));
    this.#onChange();
  }

  /** The log no longer has what was missed: the next steps tell how much that is. */
  #lost() {
    this.#onChange();
  }

  /** Returns the nodes, each with what it is to the page. */
  list() {
    return this.#all.map((node) => ({ ...node, here: node.number === this.#here }));
  }
}
