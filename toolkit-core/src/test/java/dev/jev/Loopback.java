package dev.jev;

import java.net.InetAddress;

/** A net in which every name is this machine's. */
public final class Loopback {

  private Loopback() {}

  /** Lets a client find this machine, by whatever name it is given. */
  public static <I, O> Client.Builder<I, O> client(Client.Builder<I, O> builder) {
    return builder.resolver(
        host -> new InetAddress[] {InetAddress.getByAddress(host, new byte[] {127, 0, 0, 1})});
  }
}
