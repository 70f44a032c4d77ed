package dev.jev;

import java.io.FileNotFoundException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The artifact with the native code of a transport for this platform.
 *
 * <p>{@code toolkit-core} depends on those of epoll and kqueue for x86_64 and aarch64. An
 * application that needs another one adds it, with its classifier.
 */
final class NativeJar {

  /** Netty's names of architectures, by those of the JDK. */
  private static final Map<String, String> ARCHITECTURES =
      Map.of("amd64", "x86_64", "x86_64", "x86_64", "aarch64", "aarch_64", "riscv64", "riscv64");

  private NativeJar() {}

  /**
   * Returns an exception that names the artifact if its absence is the root cause of a failure to
   * load native code, and null otherwise.
   *
   * @param transport the name of the transport in artifacts, such as {@code epoll}
   */
  static @Nullable Throwable missing(String transport, Throwable rootCause) {
    String message = rootCause.getMessage();
    boolean isAbsent =
        rootCause instanceof FileNotFoundException
            && message != null
            && message.startsWith("META-INF/native/");
    String classifier = isAbsent ? classifier() : null;
    if (classifier == null) {
      return null;
    }
    return new FileNotFoundException(
        "io.netty:netty-transport-native-"
            + transport
            + " with classifier "
            + classifier
            + (NativeJar.class.getModule().isNamed()
                ? " is not a module of this program; add --add-modules ALL-MODULE-PATH"
                : " is not on the class path"));
  }

  /** Returns the classifier of artifacts for this platform, or null if Netty has none. */
  private static @Nullable String classifier() {
    String os = System.getProperty("os.name", "");
    String system = os.startsWith("Linux") ? "linux" : os.startsWith("Mac") ? "osx" : null;
    String architecture = ARCHITECTURES.get(System.getProperty("os.arch", ""));
    return system == null || architecture == null ? null : system + "-" + architecture;
  }
}
