package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Nodes.Answers;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
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
  private static final int SILENT = -1;
  private static final int ANSWER_SECONDS = 2;

  private final Nodes nodes;

  /** The requests under way: per node, the number of connections that it has closed. */
  private final Map<Long, Map<String, CompletableFuture<Integer>>> requests =
      new ConcurrentHashMap<>();

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
    Map<String, CompletableFuture<Integer>> closed = new HashMap<>();
    for (String node : alive) {
      CompletableFuture<Integer> answer = new CompletableFuture<>();
      closed.put(node, answer.completeOnTimeout(SILENT, ANSWER_SECONDS, TimeUnit.SECONDS));
    }
    closed.put(nodes.name(), CompletableFuture.completedFuture(nodes.members.close(member)));
    requests.put(number, closed);
    byte[] id = member.getBytes(UTF_8);
    send(null, ByteBuffer.allocate(9 + id.length).put(CLOSE).putLong(number).put(id).array());
    return CompletableFuture.allOf(closed.values().toArray(new CompletableFuture<?>[0]))
        .thenApplyAsync(done -> answers(number, closed.values()), nodes.thread("").executor);
  }

  private Answers answers(long number, Collection<CompletableFuture<Integer>> closed) {
    requests.remove(number);
    List<Integer> answers =
        closed.stream().map(CompletableFuture::join).filter(each -> each != SILENT).toList();
    int sum = answers.stream().mapToInt(each -> each).sum();
    return new Answers(sum, closed.size(), closed.size() - answers.size());
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
        int closed = nodes.members.close(UTF_8.decode(in).toString());
        send(from, ByteBuffer.allocate(13).put(ANSWER).putLong(number).putInt(closed).array());
      } else if (type == ANSWER) {
        CompletableFuture<Integer> answer = requests.getOrDefault(number, Map.of()).get(from);
        if (answer != null) {
          answer.complete(in.getInt());
        }
      }
    } catch (BufferUnderflowException e) {
      nodes.counters.malformed.increment();
    }
  }
}
