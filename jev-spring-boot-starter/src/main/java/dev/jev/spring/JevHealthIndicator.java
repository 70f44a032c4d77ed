package dev.jev.spring;

import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;

/** The health of the servers: down if one has stopped by itself. */
final class JevHealthIndicator extends AbstractHealthIndicator {

  private final JevServers servers;

  JevHealthIndicator(JevServers servers) {
    this.servers = servers;
  }

  @Override
  protected void doHealthCheck(Health.Builder builder) {
    Map<String, String> states = new LinkedHashMap<>();
    servers.running().forEach((name, running) -> states.put(name, running ? "running" : "stopped"));
    if (states.containsValue("stopped")) {
      builder.down();
    } else {
      builder.up();
    }
    builder.withDetail("servers", states);
  }
}
