package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import javax.net.SocketFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Opens connections, prints one line, and keeps the connections open until standard input ends. */
@Command(name = "hold", description = "Keeps idle connections open until standard input ends.")
public final class HoldCommand implements Callable<Integer> {

  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int PAYLOAD_BYTES = 64;

  @Option(names = "--port", required = true)
  private int port;

  @Option(names = "--connections", required = true)
  private int connections;

  @Option(names = "--protocol", description = "as for load (default: echo)")
  private String protocol = "echo";

  @Option(
      names = "--messages",
      description = "messages echoed first on each connection (default: 0)")
  private int messages;

  @Option(names = "--tls", description = "uses TLS, and trusts any certificate")
  private boolean tls;

  @Override
  public Integer call() throws IOException, GeneralSecurityException {
    SocketFactory factory = tls ? trusting() : SocketFactory.getDefault();
    LoadProtocol loadProtocol = LoadProtocol.of(protocol);
    List<Socket> sockets = new ArrayList<>(connections);
    try {
      for (int i = 0; i < connections; i++) {
        Socket socket = factory.createSocket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        sockets.add(socket);
        if (socket instanceof SSLSocket encrypted) {
          encrypted.startHandshake();
        }
        loadProtocol.open(socket);
        for (int sent = 0; sent < messages; sent++) {
          exchange(socket, loadProtocol);
        }
      }
      System.out.println("open " + sockets.size());
      System.out.flush();
      System.in.transferTo(OutputStream.nullOutputStream());
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
    return 0;
  }

  private static SocketFactory trusting() throws GeneralSecurityException {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
    return context.getSocketFactory();
  }

  private static void exchange(Socket socket, LoadProtocol loadProtocol) throws IOException {
    byte[] payload = loadProtocol.payload(PAYLOAD_BYTES, /* seed= */ 0);
    byte[] expected = loadProtocol.reply(socket, payload);
    if (loadProtocol == LoadProtocol.WS_DEFLATE) {
      return; // reply() has exchanged a message already
    }
    socket.getOutputStream().write(loadProtocol.request(payload));
    byte[] reply = new byte[expected.length];
    new DataInputStream(socket.getInputStream()).readFully(reply);
    if (!Arrays.equals(reply, expected)) {
      throw new BenchmarkException("hold: different reply (expected: the message that was sent)");
    }
  }
}
