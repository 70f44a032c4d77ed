package dev.jev.plugin;

import dev.jev.HostName;
import io.netty.handler.ssl.ReferenceCountedOpenSslEngine;
import io.netty.internal.tcnative.SSL;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;

/**
 * The name that a client requests (SNI, RFC 6066, 3) and that the certificate of the server must be
 * for.
 *
 * <p>Engines request names on their own, but only those with a dot. And the JDK has no notion of
 * names with an underscore: its engine neither requests them nor accepts a client that does, and
 * its trust managers refuse every certificate for them. {@link ServerNameTrust} checks these
 * certificates, and BoringSSL requests the names.
 */
final class ServerName {

  private ServerName() {}

  /** Returns whether the JDK refuses to request a name, and to accept a client that requests it. */
  static boolean isUnknownToJdk(String name) {
    return name.indexOf('_') >= 0;
  }

  /**
   * Checks that the JDK accepts a name.
   *
   * @throws IllegalArgumentException if it does not
   */
  static void checkForJdk(String option, String name) {
    if (isUnknownToJdk(name)) {
      throw new IllegalArgumentException(
          option + ": " + name + " (expected: no underscore, which only BoringSSL accepts in TLS)");
    }
  }

  /** Returns whether a client requests the name of a host: addresses are never requested. */
  static boolean isRequested(HostName host, TlsOptions options) {
    return !host.isAddress() && !(options.isJdk() && isUnknownToJdk(host.name()));
  }

  /** Makes the engine of a client request a name, unless it is an address or unknown to the JDK. */
  static void request(SSLEngine engine, HostName host) {
    if (host.isAddress()) {
      return;
    }
    SSLParameters parameters = engine.getSSLParameters();
    if (!isUnknownToJdk(host.name())) {
      parameters.setServerNames(List.of(new SNIHostName(host.name())));
    } else {
      parameters.setEndpointIdentificationAlgorithm(""); // the task of ServerNameTrust
      if (engine instanceof ReferenceCountedOpenSslEngine boringSsl) {
        SSL.setTlsExtHostName(boringSsl.sslPointer(), host.name());
      }
    }
    engine.setSSLParameters(parameters);
  }
}
