package dev.jev;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.stream.Stream;

/** The transports and other features that this machine has. */
public final class Available {

  private Available() {}

  /** The transports with sockets that can be used, without AUTO. */
  static Stream<Transport> transports() {
    return Stream.of(Transport.values())
        .filter(transport -> transport != Transport.AUTO && transport != Transport.LOCAL)
        .filter(Transport::isAvailable);
  }

  public static boolean ip6() {
    byte[] loopback = new byte[16];
    loopback[15] = 1;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByAddress(loopback))) {
      return socket.isBound();
    } catch (IOException e) {
      return false;
    }
  }
}
