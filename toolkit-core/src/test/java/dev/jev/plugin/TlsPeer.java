package dev.jev.plugin;

import dev.jev.RawPeer;
import dev.jev.Server;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.function.Consumer;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** A client with the JDK's TLS, on a socket that a test can also write to directly. */
final class TlsPeer implements AutoCloseable {

  private final RawPeer raw;
  private final SSLSocket socket;

  private TlsPeer(RawPeer raw, SSLSocket socket) {
    this.raw = raw;
    this.socket = socket;
  }

  /** Connects without a handshake. */
  static TlsPeer connect(Server server, SSLContext context, Consumer<SSLParameters> settings)
      throws IOException {
    return over(RawPeer.connect(server), server, context, settings);
  }

  /** Uses TLS on an existing connection. */
  static TlsPeer over(
      RawPeer raw, Server server, SSLContext context, Consumer<SSLParameters> settings)
      throws IOException {
    SSLSocket socket =
        (SSLSocket)
            context
                .getSocketFactory()
                .createSocket(raw.socket(), "localhost", server.port(), /* autoClose= */ true);
    SSLParameters parameters = socket.getSSLParameters();
    settings.accept(parameters);
    socket.setSSLParameters(parameters);
    return new TlsPeer(raw, socket);
  }

  /** Requests a host name. */
  static Consumer<SSLParameters> name(String name) {
    return parameters -> parameters.setServerNames(List.of(new SNIHostName(name)));
  }

  static Consumer<SSLParameters> protocol(String protocol) {
    return parameters -> parameters.setProtocols(new String[] {protocol});
  }

  TlsPeer handshake() throws IOException {
    socket.startHandshake();
    return this;
  }

  TlsPeer send(String... texts) throws IOException {
    socket.getOutputStream().write(RawPeer.frames(texts));
    return this;
  }

  String receive() throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] payload = new byte[in.readInt()];
    in.readFully(payload);
    return new String(payload, StandardCharsets.UTF_8);
  }

  /** Reads one byte; returns -1 for a close_notify, and throws for a FIN without one. */
  int read() throws IOException {
    return socket.getInputStream().read();
  }

  /** Returns the name in the certificate of the server. */
  String serverCertificate() throws IOException {
    X509Certificate certificate = (X509Certificate) socket.getSession().getPeerCertificates()[0];
    return certificate.getSubjectX500Principal().getName();
  }

  SSLSocket socket() {
    return socket;
  }

  /** Returns the connection below TLS. */
  RawPeer raw() {
    return raw;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
