package dev.jev.samples.options;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.UnaryOperator;

/** TLS for demonstrations, with a self-signed certificate that is generated at each start. */
public final class SelfSigned {

  private static final String KEYTOOL =
      "-genkeypair -alias jev -keyalg EC -groupname secp256r1 -validity 30 -dname CN=localhost"
          + " -ext san=dns:localhost,ip:127.0.0.1,ip:::1 -storetype PKCS12 -storepass:env PASSWORD"
          + " -keystore";

  private SelfSigned() {}

  /** Returns TLS for all connections. */
  public static Tls tls() {
    return tls(UnaryOperator.identity());
  }

  /** Returns TLS for the connections that begin with a TLS handshake; others remain plain. */
  public static Tls optionalTls() {
    return tls(Tls.Builder::optional);
  }

  private static Tls tls(UnaryOperator<Tls.Builder> settings) {
    try {
      Path directory = Files.createTempDirectory("jev"); // readable by this user only
      Path store = directory.resolve("key.p12");
      try {
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        String password = HexFormat.of().formatHex(random);
        makeCertificate(store, password);
        return settings.apply(Tls.server().identity(TlsIdentity.pkcs12(store, password))).build();
      } finally {
        Files.deleteIfExists(store);
        Files.delete(directory);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot generate a certificate: " + e, e);
    }
  }

  /**
   * Generates a key and its certificate with the JDK's keytool.
   *
   * @param store the PKCS #12 file to create
   * @throws IOException if keytool fails
   */
  public static void makeCertificate(Path store, String password) throws IOException {
    List<String> command = new ArrayList<>(List.of(KEYTOOL.split(" ", -1)));
    command.add(0, Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.add(store.toString());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("PASSWORD", password);
    String output = new String(builder.start().getInputStream().readAllBytes(), UTF_8);
    if (!Files.exists(store)) {
      throw new IOException("keytool: " + output.strip());
    }
  }
}
