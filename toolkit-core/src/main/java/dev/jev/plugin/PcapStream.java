package dev.jev.plugin;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

/**
 * The packets of one captured connection: those that TCP would have sent without any loss.
 *
 * <p>Sequence numbers begin at 0 and wrap. There is no checksum of TCP, since what is captured may
 * never have been a packet, for example behind TLS.
 *
 * <p>Event loop only.
 */
final class PcapStream {

  /** Maximum payload of a packet; the length of an IPv4 packet has 16 bits. */
  private static final int MAX_PAYLOAD_BYTES = 32 * 1024;

  private static final int TCP_HEADER_BYTES = 20;
  private static final int IPV4_HEADER_BYTES = 20;
  private static final int IPV6_HEADER_BYTES = 40;
  private static final int IPV4_MAPPED_PREFIX = 0xffff;
  private static final byte TCP = 6;
  private static final byte HOPS = 64;

  private static final int FIN = 0x01;
  private static final int SYN = 0x02;
  private static final int PSH = 0x08;
  private static final int ACK = 0x10;

  private final PcapFile file;
  private final boolean isIpv4;
  private final End client;
  private final End server;

  private static final class End {
    private final byte[] address;
    private final int port;
    private int sent; // the next sequence number
    private boolean ended;

    End(InetSocketAddress address) {
      this.address = address.getAddress().getAddress();
      this.port = address.getPort();
    }
  }

  PcapStream(PcapFile file, InetSocketAddress client, InetSocketAddress server) {
    this.file = file;
    this.isIpv4 = isIpv4(client.getAddress()) && isIpv4(server.getAddress());
    this.client = new End(client);
    this.server = new End(server);
  }

  private static boolean isIpv4(InetAddress address) {
    return address instanceof Inet4Address;
  }

  /** Writes the handshake. */
  void open() {
    write(client, server, SYN, new byte[0]);
    client.sent++;
    write(server, client, SYN | ACK, new byte[0]);
    server.sent++;
    write(client, server, ACK, new byte[0]);
  }

  /** Writes payload of the client, or of the server. */
  void write(boolean ofClient, byte[] payload) {
    End from = ofClient ? client : server;
    End to = ofClient ? server : client;
    for (int start = 0; start < payload.length; start += MAX_PAYLOAD_BYTES) {
      int length = Math.min(payload.length - start, MAX_PAYLOAD_BYTES);
      byte[] part = new byte[length];
      System.arraycopy(payload, start, part, 0, length);
      write(from, to, PSH | ACK, part);
      from.sent += length;
    }
  }

  /** Writes the end of one direction, unless it has ended. */
  void end(boolean ofClient) {
    End from = ofClient ? client : server;
    if (!from.ended) {
      from.ended = true;
      write(from, ofClient ? server : client, FIN | ACK, new byte[0]);
      from.sent++;
    }
  }

  /** Writes the end of both directions. */
  void close(boolean byClient) {
    end(byClient);
    end(!byClient);
    write(byClient ? client : server, byClient ? server : client, ACK, new byte[0]);
    file.flush();
  }

  private void write(End from, End to, int flags, byte[] payload) {
    int tcpBytes = TCP_HEADER_BYTES + payload.length;
    byte[] bytes = new byte[(isIpv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) + tcpBytes];
    ByteBuffer packet = ByteBuffer.wrap(bytes);
    if (isIpv4) {
      putIpv4(packet, from, to, tcpBytes);
    } else {
      putIpv6(packet, from, to, tcpBytes);
    }
    packet.putShort((short) from.port).putShort((short) to.port);
    packet.putInt(from.sent).putInt((flags & ACK) == 0 ? 0 : to.sent);
    packet.put((byte) ((TCP_HEADER_BYTES / 4) << 4)).put((byte) flags);
    packet.putShort((short) 0xffff).putInt(0); // window; checksum, urgent pointer
    packet.put(payload);
    file.write(bytes);
  }

  /** RFC 791, 3.1. */
  private static void putIpv4(ByteBuffer packet, End from, End to, int tcpBytes) {
    packet.putShort((short) 0x4500).putShort((short) (IPV4_HEADER_BYTES + tcpBytes));
    packet.putInt(0x4000).put(HOPS).put(TCP).putShort((short) 0); // not fragmented; checksum
    packet.put(from.address).put(to.address);
    int sum = 0;
    for (int i = 0; i < IPV4_HEADER_BYTES; i += 2) {
      sum += packet.getShort(i) & 0xffff;
    }
    sum = (sum & 0xffff) + (sum >>> 16);
    packet.putShort(10, (short) ~(sum + (sum >>> 16)));
  }

  /** RFC 8200, 3. */
  private static void putIpv6(ByteBuffer packet, End from, End to, int tcpBytes) {
    packet.putInt(0x6000_0000).putShort((short) tcpBytes).put(TCP).put(HOPS);
    putIpv6(packet, from.address);
    putIpv6(packet, to.address);
  }

  private static void putIpv6(ByteBuffer packet, byte[] address) {
    if (address.length == 4) { // of a server behind a proxy that has reported the other family
      packet.putLong(0).putInt(IPV4_MAPPED_PREFIX);
    }
    packet.put(address);
  }
}
