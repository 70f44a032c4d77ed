package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.Transport;
import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests that a server with TLS logs its provider, with and without the jars of BoringSSL. */
class TlsProviderTest {

  @ParameterizedTest
  @CsvSource({"AUTO, BoringSSL", "BORINGSSL, BoringSSL", "JDK, the JDK's provider"})
  void serverLogsItsProvider(Tls.Provider provider, String name, @TempDir Path directory)
      throws Exception {
    Path store = new Certificates(directory).pkcs12("localhost");
    try (LogCapture log = new LogCapture("dev.jev")) {
      assertThat(Caller.start(store.toString(), provider.name())).isEqualTo("none");
      assertThat(log.messages("TLS")).containsExactly("TLS runs on " + name);
    }
  }

  @Test
  void missingJarOfBoringSslIsNamed(@TempDir Path directory) throws Exception {
    Path store = new Certificates(directory).pkcs12("localhost");
    String reason = "io.netty:netty-tcnative-boringssl-static is not on the class path";
    try (URLClassLoader jars = jarsWithoutBoringSsl();
        LogCapture log = new LogCapture("dev.jev")) {
      assertThat(call(jars, "start", store.toString(), "AUTO")).isEqualTo(reason);
      assertThat(log.messages("TLS"))
          .containsExactly(
              "TLS runs on the JDK's provider, since BoringSSL is not available: " + reason);
      assertThat(call(jars, "refusal", store.toString(), "BORINGSSL"))
          .isEqualTo("provider: BORINGSSL (expected: one that is available): " + reason);
    }
  }

  private static Object call(ClassLoader jars, String method, String store, String provider)
      throws Exception {
    return jars.loadClass(Caller.class.getName())
        .getDeclaredMethod(method, String.class, String.class)
        .invoke(null, store, provider);
  }

  private static URLClassLoader jarsWithoutBoringSsl() throws Exception {
    List<URL> jars = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      if (!entry.contains("tcnative")) {
        jars.add(new File(entry).toURI().toURL());
      }
    }
    return new URLClassLoader(jars.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
  }

  /** Code that is also loaded with other jars. */
  public static final class Caller {

    private Caller() {}

    /** Starts a server; returns why BoringSSL is not available. */
    public static String start(String store, String provider) {
      Server.builder(Texts::new, Handler.<String, String>replying(text -> text))
          .transport(Transport.NIO)
          .plugin(tls(store, provider).build())
          .listen("tcp://127.0.0.1:0")
          .start()
          .close();
      Throwable cause = Tls.Provider.BORINGSSL.unavailabilityCause();
      return cause == null ? "none" : cause.getMessage();
    }

    /** Returns the message of the exception. */
    public static String refusal(String store, String provider) {
      try {
        tls(store, provider).build();
        return "none";
      } catch (IllegalStateException e) {
        return e.getMessage();
      }
    }

    private static Tls.Builder tls(String store, String provider) {
      return Tls.server()
          .identity(TlsIdentity.pkcs12(Path.of(store), Certificates.PASSWORD))
          .provider(Tls.Provider.valueOf(provider));
    }
  }
}
