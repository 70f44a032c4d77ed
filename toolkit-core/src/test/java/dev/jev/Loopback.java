package dev.jev;

import java.net.InetAddress;

/** A network in which every name resolves to this machine. */
public final class Loopback {

  private Loopback() {}

  /** Resolves every name of a client to this machine. */
  public static <I, O> Client.Builder<I, O> client(Client.Builder<I, O> builder) {
    return builder.resolver(
        host -> new InetAddress[] {InetAddress.getByAddress(host, new byte[] {127, 0, 0, 1})});
  }
}
