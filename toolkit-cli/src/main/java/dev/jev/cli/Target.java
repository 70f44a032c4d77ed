package dev.jev.cli;

import dev.jev.Client;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.plugin.Tls;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The server that a command talks to, and the protocol: options of several commands. */
final class Target {

  @Parameters(
      index = "0",
      paramLabel = "URI",
      description =
          "Server: tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH, ws://HOST/PATH, wss:, http: or"
              + " https:")
  private String uri = "";

  @Option(
      names = "--protocol",
      paramLabel = "NAME",
      description =
          "Protocol: lines, length, resp, json, ws, http, one of a service, or the class of one"
              + " (default: that of the URI, else lines).")
  private @Nullable String protocol;

  @Option(
      names = "--trust",
      paramLabel = "FILE",
      description = "Certificates that are trusted, as PEM (default: those of the JDK).")
  private @Nullable Path trust;

  @Option(names = "--insecure", description = "Trust any certificate.")
  private boolean insecure;

  private URI parsed() {
    try {
      URI parsed = new URI(uri.contains(":/") || uri.startsWith("unix:") ? uri : "tcp://" + uri);
      if (parsed.getScheme() != null) {
        return parsed;
      }
    } catch (URISyntaxException e) {
      throw invalid(e);
    }
    throw invalid(null);
  }

  private IllegalArgumentException invalid(@Nullable Throwable cause) {
    return new IllegalArgumentException(
        "URI: " + uri + " (expected: one such as tcp://localhost:5000)", cause);
  }

  private static String scheme(URI uri) {
    return uri.getScheme().toLowerCase(Locale.ROOT);
  }

  /** Returns the protocol that was named, or that of the URI. */
  WireFormat<?, ?> format() {
    String named = protocol;
    if (named == null) {
      named =
          switch (scheme(parsed())) {
            case "ws", "wss" -> "ws";
            case "http", "https" -> "http";
            default -> "lines";
          };
    }
    return WireFormats.of(named);
  }

  /** Returns a builder of clients, which connect to {@link #address}. */
  <I, O> Client.Builder<I, O> client(WireFormat<I, O> format, Handler<I, O> handler) {
    Client.Builder<I, O> builder = Client.builder(format.client(parsed()), handler);
    plugins().forEach(builder::plugin);
    return builder.closeOnPackFailure(true);
  }

  /** Returns the plugins of a client: TLS, if the URI asks for it. */
  List<Plugin> plugins() {
    return switch (scheme(parsed())) {
      case "tls", "wss", "https" -> List.of(tls());
      default -> List.of();
    };
  }

  private Tls tls() {
    Tls.Builder tls = Tls.client();
    if (insecure) {
      tls.insecure();
    } else if (trust != null) {
      tls.trustPem(trust);
    }
    return tls.build();
  }

  /** Returns the address to connect to. */
  String address() {
    URI server = parsed();
    return switch (scheme(server)) {
      case "ws", "http" -> "tcp://" + authority(server, ":80");
      case "wss", "https" -> "tcp://" + authority(server, ":443");
      case "tls" -> "tcp://" + authority(server, "");
      default -> server.toString();
    };
  }

  /** Returns the host and the port. {@link URI#getHost} is null for one with an underscore. */
  private String authority(URI server, String defaultPort) {
    String authority = server.getRawAuthority();
    if (authority == null || authority.contains("@")) {
      throw invalid(null);
    }
    boolean hasPort = authority.matches(".*:\\d+"); // an IPv6 address ends with ]
    return hasPort ? authority : authority.replaceFirst(":$", "") + defaultPort;
  }
}
