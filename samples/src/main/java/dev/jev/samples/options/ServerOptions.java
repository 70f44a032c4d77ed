package dev.jev.samples.options;

import static java.util.Objects.requireNonNull;

import dev.jev.LoadBalancing;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.metrics.Metrics;
import dev.jev.nodes.Nodes;
import dev.jev.plugin.Drain;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options that all server programs share. Starts, runs and stops their servers. */
public final class ServerOptions {

  private static final Duration GRACE_PERIOD = Duration.ofSeconds(10);

  @Option(names = "--host", description = "Address to listen on (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      description = "Port to listen on; 0 for any free port (default: ${DEFAULT-VALUE}).")
  private int port;

  @Option(
      names = "--loops",
      description = "Number of event loops (default: number of processors, here ${DEFAULT-VALUE}).")
  private int loops = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--transport",
      converter = TransportName.class,
      description = "Transport: auto, io_uring, epoll, kqueue or nio (default: auto).")
  private Transport transport = Transport.AUTO;

  @Option(
      names = "--reuseport",
      description =
          "One listening socket per event loop, with SO_REUSEPORT (default: one for all).")
  private boolean reusePort;

  @Option(
      names = "--balance",
      converter = BalanceName.class,
      description =
          "Assignment of connections to event loops: round-robin, random, least-connections"
              + " or source-hash (default: round-robin).")
  private Balance balance = Balance.ROUND_ROBIN;

  @Mixin private MetricsOptions metrics = new MetricsOptions();

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  private boolean allAddresses;

  // Guarded by this.
  private @Nullable Server current;
  private boolean stopping;

  /** Creates the options of a server whose default port is {@code defaultPort}. */
  public ServerOptions(int defaultPort) {
    this.port = defaultPort;
  }

  /** Returns the port to listen on, or 0 for any free port. */
  public int port() {
    return port;
  }

  /**
   * Prepares Lettuce. The samples have both native transports, which it otherwise warns of at each
   * connection.
   */
  public static void prepareRedis() {
    System.setProperty("io.lettuce.core.iouring", "false");
  }

  /** Listens on all addresses of the machine, but not for metrics. */
  public void listenOnAllAddresses() {
    allAddresses = true;
  }

  /** Returns the URI to listen on. */
  public String uri(String scheme) {
    String to = allAddresses ? "" : bracketed(host);
    return scheme + "://" + to + ":" + port + (reusePort ? "?reuseport=true" : "");
  }

  /**
   * Starts a server on TCP, prints its addresses and runs it until the process receives SIGTERM or
   * Ctrl-C.
   *
   * @return the exit status of the process
   */
  public <I, O> int serve(Server.Builder<I, O> builder) throws InterruptedException {
    return serve(builder, uri("tcp"));
  }

  /** Starts and runs a server on the given URI, see {@link #serve(Server.Builder)}. */
  public <I, O> int serve(Server.Builder<I, O> builder, String uri) throws InterruptedException {
    Server server = start(builder, uri);
    return await(server, listening(server, uri), () -> stop(server));
  }

  /** Starts and runs a server on TCP, and also prints the address of its web page. */
  public <I, O> int servePage(Server.Builder<I, O> builder) throws InterruptedException {
    Server server = start(builder, uri("tcp"));
    return await(server, pageLines(server), () -> stop(server));
  }

  private List<String> pageLines(Server server) {
    List<String> lines = new ArrayList<>(listening(server, uri("tcp")));
    InetSocketAddress address = (InetSocketAddress) server.addresses().get(0);
    String page =
        address.getAddress().isAnyLocalAddress()
            ? "http://localhost:" + address.getPort()
            : uri("http", address);
    lines.add("open " + page + "/ in a browser");
    return lines;
  }

  /**
   * Serves a web page as {@link #servePage(Server.Builder)}. When a server has ended by itself, the
   * next one takes its port.
   */
  public <I, O> int servePages(Supplier<Server.Builder<I, O>> builders)
      throws InterruptedException {
    Server server = requireNonNull(next(builders));
    port = ((InetSocketAddress) server.addresses().get(0)).getPort();
    List<String> lines = pageLines(server);
    int status = await(server, lines, () -> stop(last()));
    while (status == 0 && (server = next(builders)) != null) {
      status = await(server);
    }
    return status;
  }

  /** Starts the next server; returns null if the process stops. */
  private synchronized <I, O> @Nullable Server next(Supplier<Server.Builder<I, O>> builders) {
    if (stopping) {
      return null;
    }
    current = null; // if the next one cannot start, the process has failed
    current = start(builders.get(), uri("tcp"));
    return current;
  }

  /** Returns the server that runs; there is none behind it. */
  private synchronized Server last() {
    stopping = true;
    return requireNonNull(current);
  }

  /** Starts and runs a server on TCP that {@code drain} stops. */
  public <I, O> int serve(Server.Builder<I, O> builder, Drain drain) throws InterruptedException {
    metrics.follow(drain);
    Server server = start(builder.plugin(drain), uri("tcp"));
    return await(
        server, listening(server, uri("tcp")), () -> drain.ended().toCompletableFuture().join());
  }

  /** Binds topics and limits to the metrics, if metrics are wanted. */
  public void measure(Consumer<Metrics> binding) {
    metrics.measure(binding);
  }

  /** Binds a node to the metrics, if metrics are wanted. */
  public void measure(Nodes nodes) {
    metrics.measure(nodes);
  }

  private <I, O> Server start(Server.Builder<I, O> builder, String uri) {
    metrics.install(builder, requireNonNull(command).name());
    return builder
        .listen(uri)
        .eventLoops(loops)
        .transport(transport)
        .loadBalancing(balance.loadBalancing())
        .start();
  }

  /** Stops the server and waits for its end. */
  private interface Shutdown {
    void run() throws InterruptedException;
  }

  private static List<String> listening(Server server, String uri) {
    String scheme = uri.substring(0, uri.indexOf(':'));
    return server.addresses().stream().map(a -> "listening on " + uri(scheme, a)).toList();
  }

  private static void stop(Server server) throws InterruptedException {
    server.stop(GRACE_PERIOD);
    server.awaitStop();
  }

  private int await(Server server, List<String> lines, Shutdown shutdown)
      throws InterruptedException {
    // SIGTERM, Ctrl-C and the end of main run the shutdown hooks.
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  metrics.stopping();
                  shutDown(shutdown);
                },
                "stop"));
    lines.forEach(System.out::println);
    metrics.serve(host).forEach(System.out::println);
    System.out.flush();
    return await(server);
  }

  private static int await(Server server) throws InterruptedException {
    try {
      server.awaitStop();
    } catch (IllegalStateException e) {
      return 1; // the shutdown hook prints the reason
    }
    return 0;
  }

  /** Stops gracefully, then halts the process: a signal's own exit status would not be zero. */
  private static void shutDown(Shutdown shutdown) {
    int status = 1;
    try {
      shutdown.run();
      status = 0;
    } catch (IllegalStateException | InterruptedException e) {
      System.err.println(e);
    } finally {
      Runtime.getRuntime().halt(status);
    }
  }

  private static String uri(String scheme, SocketAddress address) {
    if (!(address instanceof InetSocketAddress ip)) {
      return address.toString(); // the address of a Unix socket is a URI
    }
    return scheme + "://" + bracketed(ip.getAddress().getHostAddress()) + ":" + ip.getPort();
  }

  /** Returns a host for a URI: a literal IPv6 address in brackets, any other host unchanged. */
  public static String bracketed(String host) {
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
      // The in-process transport is for tests only.
      Transport[] transports =
          EnumSet.complementOf(EnumSet.of(Transport.LOCAL)).toArray(Transport[]::new);
      return named(name, transports, '_');
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
