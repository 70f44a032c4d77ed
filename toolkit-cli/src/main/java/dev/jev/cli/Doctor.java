package dev.jev.cli;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Tls;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/** Prints the facts about this machine that belong at the top of a bug report. */
@Command(
    name = "doctor",
    description = "Prints the transports, TLS providers and limits of this machine.")
final class Doctor implements Runnable {

  private final PrintStream out;

  Doctor(PrintStream out) {
    this.out = out;
  }

  @Override
  public void run() {
    print("jdk", property("java.version") + ", " + property("java.vendor"));
    print("system", property("os.name") + " " + property("os.version"));
    print("architecture", property("os.arch"));
    for (Transport transport : Transport.values()) {
      if (transport != Transport.AUTO) {
        String name = transport.name().toLowerCase(Locale.ROOT);
        print(name, availability(transport.unavailabilityCause()) + advice(transport));
      }
    }
    print("boringssl", availability(Tls.Provider.BORINGSSL.unavailabilityCause()));
    print("file descriptors", fileDescriptors());
    print("a server uses", serverDefaults());
  }

  /** Returns what another transport than that of the platform would gain; empty if it is none. */
  private static String advice(Transport transport) {
    return transport == Transport.IO_URING && transport.isAvailable()
        ? "; -Ddev.jev.transport=io_uring saves up to 40 % of the processor where system calls are slow"
        : "";
  }

  static String availability(@Nullable Throwable cause) {
    if (cause == null) {
      return "available";
    }
    Throwable root = cause;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message = root.getMessage();
    String reason = root instanceof IOException && message != null ? message : root.toString();
    return "not available: " + reason.lines().findFirst().orElseThrow();
  }

  /** Returns the soft and the hard limit on Linux; elsewhere the limit that the JDK reports. */
  private static String fileDescriptors() {
    try (Stream<String> limits = Files.lines(Path.of("/proc/self/limits"))) {
      String[] columns =
          limits
              .filter(line -> line.startsWith("Max open files"))
              .findFirst()
              .orElseThrow(() -> new IOException("/proc/self/limits: no line for open files"))
              .split(" {2,}", -1);
      return "soft limit " + columns[1] + ", hard limit " + columns[2];
    } catch (IOException e) {
      return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
          ? "limit " + unix.getMaxFileDescriptorCount()
          : "limit unknown";
    }
  }

  /** Starts a server with the defaults and returns its transport, event loops and TLS provider. */
  private static String serverDefaults() {
    try (Server server =
        Server.builder(Protocols::bytes, Connection::send).listen("tcp://127.0.0.1:0").start()) {
      return server.transport().name().toLowerCase(Locale.ROOT)
          + ", "
          + Runtime.getRuntime().availableProcessors()
          + " event loops, and for TLS "
          + (Tls.Provider.BORINGSSL.unavailabilityCause() == null ? "BoringSSL" : "the JDK");
    } catch (RuntimeException e) {
      return "nothing; it cannot start: " + e;
    }
  }

  private static String property(String name) {
    return System.getProperty(name, "unknown");
  }

  private void print(String subject, String finding) {
    out.printf("%-17s %s%n", subject, finding);
  }
}
