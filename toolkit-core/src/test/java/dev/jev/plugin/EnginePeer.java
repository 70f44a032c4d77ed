package dev.jev.plugin;

import dev.jev.RawPeer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;

/** A client that produces the bytes of TLS and lets the test send them. */
final class EnginePeer {

  private static final int ROOM = 64 * 1024;

  private final SSLEngine engine;

  EnginePeer(SSLContext context, String host) {
    engine = context.createSSLEngine(host, 1);
    engine.setUseClientMode(true);
  }

  /** Returns the next records to send: a ClientHello at first. */
  byte[] wrap(byte... plain) throws SSLException {
    ByteBuffer in = ByteBuffer.wrap(plain);
    ByteBuffer out = ByteBuffer.allocate(ROOM);
    do {
      engine.wrap(in, out);
      runTasks();
    } while (in.hasRemaining() || engine.getHandshakeStatus() == HandshakeStatus.NEED_WRAP);
    return Arrays.copyOf(out.array(), out.position());
  }

  /** Returns a record that changes the key and requests the same of the server (TLS 1.3). */
  byte[] keyUpdate() throws SSLException {
    engine.beginHandshake();
    return wrap();
  }

  /**
   * Returns one record with several changes of the key, which no engine would send. The test needs
   * the package of the engine opened.
   */
  byte[] recordOfKeyUpdates(int count) throws Exception {
    Object output = field(field(engine, "conContext"), "outputRecord");
    Method queue =
        output.getClass().getDeclaredMethod("encodeHandshake", byte[].class, int.class, int.class);
    queue.setAccessible(true);
    byte[] update = {24, 0, 0, 1, 0}; // RFC 8446, 4.6.3
    for (int i = 0; i < count; i++) {
      queue.invoke(output, update, 0, update.length);
    }
    byte[] record = wrap();
    for (int i = 0; i < count; i++) {
      keyUpdate(); // not sent: changes the key of this engine as often
    }
    return record;
  }

  private static Object field(Object object, String name) throws Exception {
    Field field = object.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(object);
  }

  /** Returns the record that ends the output. */
  byte[] closeNotify() throws SSLException {
    engine.closeOutbound();
    ByteBuffer out = ByteBuffer.allocate(ROOM);
    while (!engine.isOutboundDone()) { // the JDK sends user_canceled first
      engine.wrap(ByteBuffer.allocate(0), out);
    }
    return Arrays.copyOf(out.array(), out.position());
  }

  /** Performs the complete handshake. */
  EnginePeer handshake(RawPeer peer) throws IOException {
    return finishHandshake(peer.write(wrap()));
  }

  /** Performs the rest of the handshake after the ClientHello. */
  EnginePeer finishHandshake(RawPeer peer) throws IOException {
    ByteBuffer plain = ByteBuffer.allocate(ROOM);
    while (engine.getHandshakeStatus() != HandshakeStatus.NOT_HANDSHAKING) {
      if (engine.getHandshakeStatus() == HandshakeStatus.NEED_WRAP) {
        peer.write(wrap());
      } else {
        engine.unwrap(ByteBuffer.wrap(record(peer)), plain);
        runTasks();
      }
    }
    return this;
  }

  /** Performs the complete handshake with a channel, which must be new. */
  EnginePeer handshake(EmbeddedLink link) throws SSLException {
    link.channel().pipeline().fireChannelActive();
    link.arrive(wrap()).flush(); // which runs the tasks
    ByteBuffer flight = ByteBuffer.wrap(link.sent());
    while (flight.hasRemaining()) {
      engine.unwrap(flight, ByteBuffer.allocate(ROOM));
      runTasks();
      if (engine.getHandshakeStatus() == HandshakeStatus.NEED_WRAP) {
        link.arrive(wrap()).flush();
      }
    }
    return this;
  }

  /** Reads data until the {@code close_notify}. */
  byte[] readAll(RawPeer peer) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer plain = ByteBuffer.allocate(ROOM);
    while (!engine.isInboundDone()) {
      engine.unwrap(ByteBuffer.wrap(record(peer)), plain.clear());
      all.write(plain.array(), 0, plain.position());
    }
    return all.toByteArray();
  }

  /** Returns the name in the certificate of the server. */
  String serverCertificate() throws SSLException {
    X509Certificate certificate = (X509Certificate) engine.getSession().getPeerCertificates()[0];
    return certificate.getSubjectX500Principal().getName();
  }

  private static byte[] record(RawPeer peer) throws IOException {
    byte[] header = peer.read(5);
    byte[] fragment = peer.read(((header[3] & 0xff) << 8) | (header[4] & 0xff));
    byte[] record = Arrays.copyOf(header, 5 + fragment.length);
    System.arraycopy(fragment, 0, record, 5, fragment.length);
    return record;
  }

  private void runTasks() {
    for (Runnable task; (task = engine.getDelegatedTask()) != null; ) {
      task.run();
    }
  }
}
