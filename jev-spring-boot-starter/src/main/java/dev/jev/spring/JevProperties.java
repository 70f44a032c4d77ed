package dev.jev.spring;

import java.time.Duration;
import java.util.Map;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The properties {@code jev.*}.
 *
 * @param server options of servers by the names of their beans
 * @param client options of clients by the names of their beans
 * @param shutdown graceful shutdown of servers
 */
@ConfigurationProperties(prefix = "jev", ignoreUnknownFields = false)
record JevProperties(
    @DefaultValue Map<String, ServerOptions> server,
    @DefaultValue Map<String, ClientOptions> client,
    @DefaultValue Shutdown shutdown) {

  /**
   * The properties of a graceful shutdown.
   *
   * @param acceptTime time for which servers accept connections after readiness has ended
   * @param spread time within which connections are closed, each at a random moment
   */
  record Shutdown(@DefaultValue("0s") Duration acceptTime, @DefaultValue("0s") Duration spread) {}
}
