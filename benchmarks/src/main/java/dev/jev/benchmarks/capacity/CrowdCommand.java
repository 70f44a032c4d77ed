package dev.jev.benchmarks.capacity;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.nodes.Nodes;
import dev.jev.redis.RedisBackplane;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A node and its clients in one process, by local channels: user 17 has the topic {@code log:17} of
 * their own. Each line of standard input is a command, which is answered by a line:
 *
 * <ul>
 *   <li>{@code subscribe FROM TO}: the users subscribe, as fast as the node permits
 *   <li>{@code resume FROM TO SECONDS FILE}: the users return within a time, each with the position
 *       in the line of the file that has the user's number
 *   <li>{@code receive COUNT}: waits until all users together have received so many messages
 *   <li>{@code retries}: tells how many subscriptions could not begin at once
 *   <li>{@code memory}: tells the {@link LiveMemory}
 * </ul>
 *
 * No user may receive more than one message.
 */
@Command(name = "crowd", description = "A node and its clients in one process.")
public final class CrowdCommand implements Callable<Integer> {

  private static final LocalAddress ADDRESS = new LocalAddress("crowd");

  @Option(names = "--redis", required = true)
  private String redis = "";

  @Override
  public Integer call() throws Exception {
    TopicNodeCommand.prepareRedis();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    RedisBackplane engine = RedisBackplane.of(redis);
    Nodes nodes = Nodes.builder(engine).build();
    try (engine;
        Server server =
            TopicNodeCommand.topicSocket(nodes)
                .server(protocol -> protocol.path("/topics"))
                .transport(Transport.LOCAL)
                .eventLoops(1)
                .maxConnections(Integer.MAX_VALUE)
                .listen("local://" + ADDRESS.id())
                .start();
        TopicClients users = new TopicClients(LocalIoHandler.newFactory(), LocalChannel.class, 1)) {
      System.out.println("ready on " + server.transport());
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.split(" ", -1);
        try {
          System.out.println(answer(users, words));
        } catch (BenchmarkException e) {
          System.err.println(nodes.health() + " " + nodes.counts());
          throw e;
        }
      }
      Runtime.getRuntime().halt(0); // closing all connections would take long
    }
    return 0;
  }

  private static String answer(TopicClients users, String[] words) throws IOException {
    long start = System.nanoTime();
    switch (words[0]) {
      case "subscribe" -> {
        IntStream.range(number(words[1]), number(words[2]))
            .forEach(user -> users.connect(ADDRESS, "{\"subscribe\":[\"log:" + user + "\"]}"));
        users.awaitSubscribed();
      }
      case "resume" ->
          resume(users, number(words[1]), number(words[2]), number(words[3]), Path.of(words[4]));
      case "receive" -> users.awaitReceived(number(words[1]));
      case "retries" -> {
        return String.valueOf(users.retries.get());
      }
      case "memory" -> {
        return String.valueOf(LiveMemory.read());
      }
      default ->
          throw new BenchmarkException(
              "command: "
                  + words[0]
                  + " (expected: subscribe, resume, receive, retries or memory)");
    }
    return String.valueOf(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
  }

  /** Connects the users evenly over the time. */
  private static void resume(TopicClients users, int from, int to, int seconds, Path file)
      throws IOException {
    long start = System.nanoTime();
    double interval = seconds * 1e9 / (to - from);
    try (BufferedReader positions = Files.newBufferedReader(file)) {
      for (int user = from; user < to; user++) {
        long due = start + (long) ((user - from) * interval);
        LockSupport.parkNanos(due - System.nanoTime());
        String topic = "log:" + user;
        users.connect(
            ADDRESS,
            "{\"subscribe\":[\"%s\"],\"after\":{\"%s\":\"%s\"}}"
                .formatted(topic, topic, positions.readLine()));
      }
    }
    users.awaitSubscribed();
  }

  private static int number(String word) {
    return Integer.parseInt(word);
  }
}
