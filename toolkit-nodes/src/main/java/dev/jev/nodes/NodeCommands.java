package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Nodes.Answers;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The commands between nodes: to close the connections of a member.
 *
 * <pre>
 *   CLOSE (1) | request (8) | member        ANSWER (1) | request (8) | closed connections (4)
 * </pre>
 *
 * <p>Any thread.
 */
final class NodeCommands {

  private static final byte CLOSE = 1;
  private static final byte ANSWER = 2;
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** A request, and the nodes that have not answered it. */
  private static final class Request {
    private final Set<String> silent = ConcurrentHashMap.newKeySet();
    private final CompletableFuture<Answers> answers = new CompletableFuture<>();
    private final int nodes;
    private int closed; // guarded by this

    private Request(Set<String> others, int closedHere) {
      silent.addAll(others);
      nodes = others.size() + 1;
      closed = closedHere;
      completeIfAnswered();
    }

    private synchronized void answer(String node, int connections) {
      if (silent.remove(node)) {
        closed += connections;
        completeIfAnswered();
      }
    }

    private void completeIfAnswered() {
      if (silent.isEmpty()) {
        complete();
      }
    }

    private synchronized void complete() {
      answers.complete(new Answers(closed, nodes, silent.size()));
    }
  }

  private final Nodes nodes;
  private final Map<Long, Request> requests = new ConcurrentHashMap<>();
  private final AtomicLong numbers = new AtomicLong();
  private volatile Set<String> alive = Set.of();

  NodeCommands(Nodes nodes) {
    this.nodes = nodes;
  }

  /** Notes the nodes that have a lease. */
  void nodes(Set<String> alive) {
    this.alive = alive;
  }

  /** Closes the connections of a member on all nodes. */
  CompletionStage<Answers> closeMember(String member) {
    long number = numbers.incrementAndGet();
    Set<String> others = ConcurrentHashMap.newKeySet();
    others.addAll(alive);
    others.remove(nodes.name());
    Request request = new Request(others, nodes.members().close(member));
    requests.put(number, request);
    byte[] id = member.getBytes(UTF_8);
    byte[] bytes = ByteBuffer.allocate(9 + id.length).put(CLOSE).putLong(number).put(id).array();
    send(null, bytes);
    nodes.thread("").runAfter(ANSWER_NANOS, request::complete);
    return request.answers.whenComplete((answers, failure) -> requests.remove(number));
  }

  private void send(@Nullable String node, byte[] bytes) {
    nodes
        .session()
        .command(node, bytes)
        .exceptionally(
            failure -> {
              NodeLog.warning(
                  "command to " + (node == null ? "all nodes" : node) + " lost", failure);
              return null;
            });
  }

  /** Called with a command of another node. */
  void received(String from, byte[] bytes) {
    try {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      byte type = in.get();
      long number = in.getLong();
      if (type == CLOSE) {
        int closed = nodes.members().close(UTF_8.decode(in).toString());
        send(from, ByteBuffer.allocate(13).put(ANSWER).putLong(number).putInt(closed).array());
      } else if (type == ANSWER) {
        Request request = requests.get(number);
        if (request != null) {
          request.answer(from, in.getInt());
        }
      }
    } catch (BufferUnderflowException e) {
      nodes.counters().malformed.increment();
    }
  }
}
