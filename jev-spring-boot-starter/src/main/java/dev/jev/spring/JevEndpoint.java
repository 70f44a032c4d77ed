package dev.jev.spring;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.plugin.Diagnostics.LoopLag;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;

/** The endpoint {@code jev} of Actuator: what the servers and clients are doing. */
@Endpoint(id = "jev")
final class JevEndpoint {

  private final JevServers servers;
  private final JevClients clients;

  JevEndpoint(JevServers servers, JevClients clients) {
    this.servers = servers;
    this.clients = clients;
  }

  /**
   * All servers and clients by name.
   *
   * @param unavailable the transports that cannot be used on this machine, and why
   */
  record Description(
      Map<String, RunningServer> servers,
      Map<String, StartedClient> clients,
      Map<Transport, String> unavailable) {}

  /**
   * A server.
   *
   * @param running false if the server has stopped by itself
   * @param listen the addresses as they were configured
   * @param lags the lags of its event loops within the last 10 to 20 s
   */
  record RunningServer(
      boolean running,
      List<String> listen,
      List<String> addresses,
      Transport transport,
      int eventLoops,
      int connections,
      long droppedDatagrams,
      List<Lag> lags) {}

  /** The lag of an event loop: how long a message waits for it. */
  record Lag(String eventLoop, double medianMillis, double p99Millis, double maxMillis) {

    static Lag of(LoopLag lag) {
      return new Lag(lag.loop(), millis(lag.median()), millis(lag.p99()), millis(lag.max()));
    }

    private static double millis(Duration duration) {
      return duration.toNanos() / 1e6;
    }
  }

  /**
   * A client.
   *
   * @param remoteAddress the address of the server, or null if there is no connection
   */
  record StartedClient(boolean connected, @Nullable String remoteAddress, Transport transport) {}

  @ReadOperation
  Description describe() {
    Map<String, Boolean> running = servers.running();
    Map<String, List<LoopLag>> lags = servers.lags();
    Map<String, RunningServer> described = new LinkedHashMap<>();
    servers
        .all()
        .forEach(
            (name, server) ->
                described.put(
                    name,
                    describe(
                        server,
                        running.getOrDefault(name, false),
                        lags.getOrDefault(name, List.of()))));
    Map<String, StartedClient> connecting = new LinkedHashMap<>();
    clients.all().forEach((name, client) -> connecting.put(name, describe(client)));
    return new Description(described, connecting, unavailable());
  }

  private static RunningServer describe(Server server, boolean running, List<LoopLag> lags) {
    return new RunningServer(
        running,
        server.configuredAddresses(),
        server.addresses().stream().map(SocketAddress::toString).toList(),
        server.transport(),
        server.eventLoops().count(),
        server.connectionCount(),
        server.droppedDatagrams(),
        lags.stream().map(Lag::of).toList());
  }

  private static StartedClient describe(Client<?> client) {
    Connection<?> connection = client.connection();
    return new StartedClient(
        client.isConnected(),
        connection == null ? null : connection.remoteAddress().toString(),
        client.eventLoops().transport());
  }

  /** The transports that the automatic choice has passed over, among others. */
  private static Map<Transport, String> unavailable() {
    Map<Transport, String> reasons = new LinkedHashMap<>();
    for (Transport transport : EnumSet.allOf(Transport.class)) {
      Throwable cause = transport.unavailabilityCause();
      if (cause != null) {
        reasons.put(transport, text(cause));
      }
    }
    return reasons;
  }

  /** Returns the first message in a chain of causes, some of which have none. */
  private static String text(Throwable failure) {
    Throwable cause = failure;
    while (cause.getMessage() == null && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause.getMessage() == null ? cause.toString() : cause.getMessage();
  }
}
