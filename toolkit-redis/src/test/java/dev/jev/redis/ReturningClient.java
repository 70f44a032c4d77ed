package dev.jev.redis;

import dev.jev.nodes.TopicSocket;
import dev.jev.redis.DeliveryLedger.Delivery;
import dev.jev.redis.DeliveryLedger.Name;
import dev.jev.redis.DeliveryLedger.Publication;
import dev.jev.redis.DeliveryLedger.Stream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A client of the topic protocol, with the WebSocket of the JDK. It returns to another node with
 * its positions when its connection ends or no heartbeat comes, and notes in a ledger what it gets.
 */
final class ReturningClient implements AutoCloseable {

  /** The nodes and the ledger that all clients of a test share. */
  static final class Crowd implements AutoCloseable {

    final DeliveryLedger ledger;
    final List<NodeProcess> nodes;

    /** Errors and other messages that no client should get. */
    final Queue<String> complaints = new ConcurrentLinkedQueue<>();

    private final HttpClient http =
        HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
    private final ScheduledExecutorService timer =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "clients");
              thread.setDaemon(true);
              return thread;
            });

    Crowd(DeliveryLedger ledger, List<NodeProcess> nodes) {
      this.ledger = ledger;
      this.nodes = nodes;
    }

    @Override
    public void close() {
      timer.shutdownNow();
    }
  }

  private static final JsonMapper JSON = new JsonMapper();

  /** A heartbeat of which the protocol has not told the interval yet. */
  private static final int FIRST_HEARTBEAT = 5;

  private static final long MAX_PAUSE_MILLIS = 2000;
  private static final int MOST_UNANSWERED = 500;

  final String name;
  private final Crowd crowd;
  private final String query;

  // Guarded by this.
  private final Map<String, Stream> streams = new LinkedHashMap<>();
  private final Map<String, @Nullable String> positions = new LinkedHashMap<>();
  private final Map<Integer, Publication> unanswered = new HashMap<>();
  private @Nullable Socket socket;
  private boolean closed;
  private int sessions;
  private int node;
  private int attempts;
  private int published;
  private long reconnectMillis = -1;
  private int subscriptions; // that have begun since the connection
  private int replayed;
  private int lost;

  /**
   * Connects.
   *
   * @param node the index of the node that it connects to first
   * @param isMember whether its name is the id of a member
   */
  ReturningClient(Crowd crowd, String name, int node, List<String> topics, boolean isMember) {
    this.crowd = crowd;
    this.name = name;
    this.node = node;
    this.query = isMember ? "?" + name : "";
    for (String topic : topics) {
      streams.put(topic, crowd.ledger.stream(topic, name));
      positions.put(topic, null);
    }
    connect();
  }

  private synchronized void connect() {
    if (closed) {
      return;
    }
    sessions++;
    int port = crowd.nodes.get(Math.floorMod(node, crowd.nodes.size())).port();
    Socket next = new Socket(sessions);
    socket = next;
    if (port < 0) {
      next.end(); // as if refused
      return;
    }
    crowd
        .http
        .newWebSocketBuilder()
        .subprotocols(TopicSocket.SUBPROTOCOL)
        .connectTimeout(Duration.ofSeconds(2))
        .buildAsync(URI.create("ws://127.0.0.1:" + port + "/topics" + query), next)
        .whenComplete(
            (opened, failure) -> {
              if (failure != null) {
                next.end();
              }
            });
  }

  /** Returns to the next node soon. */
  private synchronized void ended(Socket ended) {
    if (socket != ended) {
      return;
    }
    socket = null;
    unanswered.clear(); // unknown, as they were at the beginning
    subscriptions = 0;
    if (closed) {
      return;
    }
    node++;
    long most = Math.min(MAX_PAUSE_MILLIS, 500L << Math.min(attempts++, 10));
    long pause = reconnectMillis >= 0 ? reconnectMillis : random(most);
    reconnectMillis = -1;
    crowd.timer.schedule(this::connect, pause, TimeUnit.MILLISECONDS);
  }

  private static long random(long most) {
    return ThreadLocalRandom.current().nextLong(most + 1);
  }

  private String subscribe(List<String> topics) {
    StringBuilder command = new StringBuilder("{\"subscribe\":[");
    command.append(topics.stream().map(t -> "\"" + t + "\"").collect(Collectors.joining(",")));
    String after =
        topics.stream()
            .filter(topic -> positions.get(topic) != null)
            .map(topic -> "\"" + topic + "\":\"" + positions.get(topic) + "\"")
            .collect(Collectors.joining(","));
    return command.append(after.isEmpty() ? "]}" : "],\"after\":{" + after + "}}").toString();
  }

  /** Subscribes to a further topic behind a position. */
  synchronized void subscribe(String topic, String after) {
    streams.put(topic, crowd.ledger.stream(topic, name));
    positions.put(topic, after);
    if (socket != null) {
      socket.send(subscribe(List.of(topic)));
    }
  }

  /**
   * Publishes a message.
   *
   * @param payload what follows the name and the time
   * @return false if nothing can be published now
   */
  synchronized @Nullable Publication publish(String topic, String payload) {
    if (socket == null || !socket.isOpen || unanswered.size() >= MOST_UNANSWERED) {
      return null;
    }
    int number = published++;
    String publisher = name + "." + sessions;
    String text = publisher + " " + number + " " + System.nanoTime() + " " + payload;
    Publication publication = crowd.ledger.publication(topic, publisher, number, text);
    unanswered.put(number, publication);
    socket.send("{\"publish\":\"" + topic + "\",\"data\":\"" + text + "\",\"id\":" + number + "}");
    return publication;
  }

  private synchronized void received(Socket from, String text) {
    if (socket != from) {
      return; // from a connection that was given up
    }
    JsonNode message = JSON.readTree(text);
    if (message.has("topic")) {
      delivered(message);
    } else if (message.has("heartbeat")) {
      from.heartbeat = number(message, "heartbeat");
    } else if (message.has("subscribed")) {
      subscribed(message);
    } else if (message.has("published")) {
      Publication publication = unanswered.remove(number(message, "published"));
      if (publication != null) {
        publication.stored(string(message, "position"));
      }
    } else if (message.has("failed")) {
      failed(message);
    } else if (message.has("gap")) {
      String topic = string(message, "gap");
      positions.put(topic, string(message, "to"));
      streams.get(topic).add(Delivery.notice(sessions));
    } else if (message.has("unsubscribed") && message.has("retry")) {
      String topic = string(message, "unsubscribed");
      crowd.timer.schedule(
          () -> from.send(subscribe(List.of(topic))),
          number(message, "retry"),
          TimeUnit.MILLISECONDS);
    } else if (message.has("reconnect")) {
      reconnectMillis = number(message.path("reconnect"), "after");
    } else {
      crowd.complaints.add(name + ": " + text);
    }
  }

  private static int number(JsonNode message, String member) {
    return message.path(member).asInt();
  }

  private static String string(JsonNode message, String member) {
    return message.path(member).asString();
  }

  private void subscribed(JsonNode message) {
    String topic = string(message, "subscribed");
    positions.put(topic, string(message, "position"));
    replayed += number(message, "replayed");
    subscriptions++;
    if (message.path("lost").asBoolean()) {
      lost++;
      streams.get(topic).add(Delivery.notice(sessions));
    }
  }

  private void delivered(JsonNode message) {
    String topic = string(message, "topic");
    String position = string(message, "position");
    String payload = string(message, "data");
    String[] words = payload.split(" ", 4);
    Name from = new Name(words[0], Integer.parseInt(words[1]));
    int micros = (int) ((System.nanoTime() - Long.parseLong(words[2])) / 1000);
    positions.put(topic, position);
    streams.get(topic).add(new Delivery(sessions, from, payload.hashCode(), position, micros));
  }

  private void failed(JsonNode message) {
    Publication publication = unanswered.remove(number(message, "failed"));
    String outcome = string(message, "outcome");
    if (publication != null && outcome.equals("refused")) {
      publication.refused();
    } else if (!outcome.equals("unknown")) {
      crowd.complaints.add(name + ": " + message);
    }
  }

  /** Returns whether all topics are subscribed. */
  synchronized boolean isSubscribed() {
    return socket != null && socket.isOpen && subscriptions >= streams.size();
  }

  /** Returns the number of connections that it has tried to open. */
  synchronized int sessions() {
    return sessions;
  }

  /** Returns the index of the node that it is connected to, or will be. */
  synchronized int node() {
    return Math.floorMod(node, crowd.nodes.size());
  }

  synchronized int unanswered() {
    return unanswered.size();
  }

  synchronized int replayed() {
    return replayed;
  }

  /** Returns how often it was told that a position was lost. */
  synchronized int lost() {
    return lost;
  }

  synchronized @Nullable String position(String topic) {
    return positions.get(topic);
  }

  synchronized Stream stream(String topic) {
    return streams.get(topic);
  }

  /** Returns the number of messages so far. */
  synchronized int size() {
    return streams.values().stream().mapToInt(Stream::size).sum();
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (socket != null) {
      socket.abort();
    }
  }

  /** One connection. */
  private final class Socket implements WebSocket.Listener {

    private final int session;
    private final StringBuilder text = new StringBuilder();
    private volatile boolean isOpen;
    private volatile int heartbeat = FIRST_HEARTBEAT;
    private volatile long lastHeard = System.nanoTime();
    private volatile @Nullable WebSocket webSocket;
    private CompletableFuture<?> sent = CompletableFuture.completedFuture(null); // lock: this

    private Socket(int session) {
      this.session = session;
    }

    @Override
    public void onOpen(WebSocket opened) {
      webSocket = opened;
      lastHeard = System.nanoTime();
      opened.request(1);
      synchronized (ReturningClient.this) {
        if (closed || session != sessions) {
          opened.abort();
          return;
        }
        if (!streams.isEmpty()) {
          send(subscribe(List.copyOf(streams.keySet())));
        }
        isOpen = true;
      }
      crowd.timer.schedule(this::listen, 500, TimeUnit.MILLISECONDS);
    }

    /** Ends the connection if it is silent for too long. */
    private void listen() {
      if (!isOpen) {
        return;
      }
      if (System.nanoTime() - lastHeard > heartbeat * 2_400_000_000L) {
        abort();
        end();
      } else {
        crowd.timer.schedule(this::listen, 200, TimeUnit.MILLISECONDS);
      }
    }

    /** Sends texts one after the other. */
    synchronized void send(String message) {
      WebSocket present = webSocket;
      if (present != null) {
        sent = sent.handle((done, e) -> e).thenCompose(e -> present.sendText(message, true));
      }
    }

    void abort() {
      WebSocket present = webSocket;
      if (present != null) {
        present.abort();
      }
    }

    void end() {
      isOpen = false;
      ended(this);
    }

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      lastHeard = System.nanoTime();
      text.append(data);
      if (last) {
        try {
          received(this, text.toString());
        } catch (RuntimeException e) {
          crowd.complaints.add(name + ": " + e + " at " + text);
        }
        text.setLength(0);
        synchronized (ReturningClient.this) {
          attempts = 0;
        }
      }
      from.request(1);
      return CompletableFuture.completedStage(null);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket from, int code, String reason) {
      if (code == 1008 || code == 1009 || code == 1011) {
        crowd.complaints.add(name + ": closed with " + code + " " + reason);
      }
      end();
      return CompletableFuture.completedStage(null);
    }

    @Override
    public void onError(WebSocket from, Throwable error) {
      end();
    }
  }
}
