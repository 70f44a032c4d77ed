// Types of topics.js.

/** A place in a topic, which only the server understands. Positions can be compared for equality, but have no order. */
export type Position = string;

/** The outcome of a publication that failed. */
export type Outcome =
  /** Nobody has got the message or will. */
  | "refused"
  /** The server does not allow it. */
  | "denied"
  /** There was no answer: the message is delivered once or never. */
  | "unknown";

/** The error of a publication that failed. One that is not valid JSON fails with a TypeError instead. */
export interface PublishError extends Error {
  readonly outcome: Outcome;
}

/** An error that concerns no single call; see {@link TopicsOptions.error}. */
export interface TopicsError extends Error {
  /** The topic that is denied, or whose messages are lost. */
  readonly topic?: string;
  /** "denied" if a subscription or its members are not allowed. */
  readonly outcome?: "denied";
  /** 1008 if the server has ended the connection for good. */
  readonly code?: number;
}

/** A part of the interface of sessionStorage. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export type State = "connecting" | "open" | "closed";

export interface TopicsOptions {
  /**
   * Returns a token, or a promise of one, which is sent as the query parameter `token`. Called for each connection.
   * If it fails, the error is reported and the next attempt calls it again.
   */
  token?: () => string | null | undefined | Promise<string | null | undefined>;
  /**
   * Keeps the position of each topic, so that its stream continues after a reload of the page. Use sessionStorage;
   * with localStorage, the tabs of a browser would overwrite each other's positions. Errors of the store are ignored.
   */
  store?: Store;
  /** Called when the state has changed. */
  state?: (state: State) => void;
  /**
   * Called with errors of callbacks and of `token`, with subscriptions that are denied, losses without a `lost`
   * callback, and the reason if the server has ended the connection for good (1008). By default `console.error`.
   */
  error?: (error: TopicsError) => void;
  /** The size of a publication above which it is refused, in bytes; that of the server, 65,536 by default. */
  maxBytes?: number;
  /** The class of the WebSocket; the global one by default. */
  WebSocket?: new (url: string, protocol: string) => any;
}

export interface PublishOptions {
  /** Whether this connection gets the message itself if it is subscribed; true by default. */
  echo?: boolean;
}

/** The answer to a publication. */
export interface Published {
  /** The position behind the message; undefined for events, which are sent, not stored. */
  readonly at?: Position;
}

/** Messages that are lost. */
export interface Loss {
  readonly topic: string;
  readonly from?: Position;
  readonly to?: Position;
}

/** A member of a topic. */
export interface Member {
  readonly id: string;
  readonly info: string;
}

export interface HandlerOptions {
  /**
   * Called when the stream begins with the messages from now on, rather than behind a position; with events, also after
   * each reconnection. The messages wait for its promise. The place to load the state that they change.
   */
  start?: () => unknown;
  /**
   * Called if messages are lost, before those that follow, which wait for its promise. It should load the state anew.
   * Without it, the loss is reported as an error.
   */
  lost?: (loss: Loss) => unknown;
  /** Called with the members whenever they change. The server lists 1,000; `more` is the number of further ones. */
  members?: (members: Member[], more: number) => unknown;
  /**
   * The position after which the stream begins, for example one that came with the page; "oldest" for all messages that
   * are kept. Only the first handler of a topic sets it; it has precedence over the store. By default, the stream begins
   * now.
   */
  after?: Position;
}

/** A handler of a topic. */
export interface Subscription<T = any> {
  /** Publishes to the topic, see {@link Topics.publish}. */
  publish(data: T, options?: PublishOptions): Promise<Published>;
  /** Removes the handler. Without handlers, the topic is unsubscribed and its position is forgotten. */
  off(): void;
}

/**
 * A connection to the topics of a server. Whenever it ends, another one is opened after a random time of up to 0.5 s,
 * which doubles with each failure to at most 30 s; or when the server says, or when the browser is online again. All
 * streams continue where they were.
 */
export class Topics {
  /**
   * Connects to a server.
   *
   * @param url of the scheme ws, wss, http or https; relative to the page in a browser. A function returns that of the
   *     next attempt, for example that of another node.
   */
  constructor(url: string | URL | (() => string | URL), options?: TopicsOptions);

  /** "closed" is final. */
  readonly state: State;

  /**
   * Subscribes to a topic. A topic may have several handlers.
   *
   * Messages are handled one after the other: the next one waits until the promises of all handlers are settled. A
   * handler that fails is reported to {@link TopicsOptions.error} and counts as having handled the message. While 1,000
   * messages of a topic wait, it is unsubscribed; half of them later, its stream continues from there.
   *
   * @param handler gets the data and the position behind the message, which is undefined for events
   * @throws TypeError if the name is not valid: 1 to 200 bytes, without control characters, `{` and `}`
   */
  on<T = any>(
    topic: string,
    handler: (data: T, at: Position | undefined) => unknown,
    options?: HandlerOptions,
  ): Subscription<T>;

  /**
   * Publishes any JSON value; undefined is null. The topic need not be subscribed.
   *
   * While there is no connection, up to 1,000 publications wait, each for up to 10 s, and are then refused. Those that
   * have been sent when the connection ends, or are not answered within 10 s, fail with the outcome "unknown". They are
   * not sent again. At most 64 are sent and not answered; the others wait.
   *
   * @returns a promise that fails with a {@link PublishError}
   */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<Published>;

  /** Ends the connection and all streams for good. The positions remain in the store. */
  close(): void;
}
