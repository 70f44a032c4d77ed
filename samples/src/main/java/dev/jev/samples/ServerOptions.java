package dev.jev.samples;

import dev.jev.LoadBalancing;
import dev.jev.Server;
import dev.jev.Transport;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options of every server here, and what it does with them. */
final class ServerOptions {

  private static final Duration GRACE = Duration.ofSeconds(10);

  @Option(names = "--host", description = "Address to listen on (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      description = "Port to listen on, 0 for any free one (default: ${DEFAULT-VALUE}).")
  private int port;

  @Option(
      names = "--loops",
      description = "Number of event loops (default: processors, here ${DEFAULT-VALUE}).")
  private int loops = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--transport",
      converter = TransportName.class,
      description = "auto, io_uring, epoll, kqueue or nio (default: auto).")
  private Transport transport = Transport.AUTO;

  @Option(
      names = "--reuseport",
      description = "Give every event loop a listening socket of its own.")
  private boolean reusePort;

  @Option(
      names = "--balance",
      converter = BalanceName.class,
      description =
          "How connections get their event loop: round-robin, random, least-connections or"
              + " source-hash (default: round-robin).")
  private Balance balance = Balance.ROUND_ROBIN;

  ServerOptions(int defaultPort) {
    this.port = defaultPort;
  }

  /**
   * Starts a server, says where it listens, and keeps it running until the process is told to end.
   *
   * @return the process's exit status
   */
  <I, O> int serve(Server.Builder<I, O> builder) throws InterruptedException {
    Server server =
        builder
            .listen("tcp://" + bracketed(host) + ":" + port + (reusePort ? "?reuseport=true" : ""))
            .eventLoops(loops)
            .transport(transport)
            .loadBalancing(balance.loadBalancing())
            .start();
    // SIGTERM and Ctrl-C run the shutdown hooks, and so does the end of main.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server), "stop"));
    for (SocketAddress address : server.addresses()) {
      System.out.println("listening on " + uri((InetSocketAddress) address));
    }
    System.out.flush();
    try {
      server.awaitStop();
    } catch (IllegalStateException e) {
      return 1; // the hook will say why
    }
    return 0;
  }

  /** Stops gracefully and ends the process, because a signal's own status would not be zero. */
  private static void stop(Server server) {
    int status = 1;
    try {
      server.stop(GRACE);
      server.awaitStop();
      status = 0;
    } catch (IllegalStateException | InterruptedException e) {
      System.err.println(e.getMessage());
    } finally {
      Runtime.getRuntime().halt(status);
    }
  }

  private static String uri(InetSocketAddress address) {
    InetAddress host = address.getAddress();
    String text = host.getHostAddress();
    return "tcp://"
        + (host instanceof Inet6Address ? bracketed(text) : text)
        + ":"
        + address.getPort();
  }

  /** A literal IPv6 address stands in brackets, because of its colons. */
  private static String bracketed(String host) {
    return host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host;
  }

  private enum Balance {
    ROUND_ROBIN,
    RANDOM,
    LEAST_CONNECTIONS,
    SOURCE_HASH;

    LoadBalancing loadBalancing() {
      return switch (this) {
        case ROUND_ROBIN -> LoadBalancing.roundRobin();
        case RANDOM -> LoadBalancing.random();
        case LEAST_CONNECTIONS -> LoadBalancing.leastConnections();
        case SOURCE_HASH -> LoadBalancing.sourceHash();
      };
    }
  }

  private static final class TransportName implements ITypeConverter<Transport> {
    @Override
    public Transport convert(String name) {
      return named(name, Transport.values(), '_');
    }
  }

  private static final class BalanceName implements ITypeConverter<Balance> {
    @Override
    public Balance convert(String name) {
      return named(name, Balance.values(), '-');
    }
  }

  private static <E extends Enum<E>> E named(String name, E[] values, char separator) {
    for (E value : values) {
      if (spelled(value, separator).equals(name)) {
        return value;
      }
    }
    String expected =
        Arrays.stream(values).map(v -> spelled(v, separator)).collect(Collectors.joining(", "));
    throw new TypeConversionException(name + " (expected: one of " + expected + ")");
  }

  private static String spelled(Enum<?> value, char separator) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', separator);
  }
}
