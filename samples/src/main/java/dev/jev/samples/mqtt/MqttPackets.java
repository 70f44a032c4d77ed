package dev.jev.samples.mqtt;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/**
 * Splits the input into packets, and refuses those that violate a rule of MQTT 3.1.1 which the
 * decoder behind it does not check: it knows other versions, and drops reserved bits.
 */
final class MqttPackets extends ByteToMessageDecoder {

  // Packet types, MQTT 3.1.1, 2.2.1.
  private static final int CONNECT = 1;
  private static final int SUBSCRIBE = 8;
  private static final int UNSUBSCRIBE = 10;
  private static final int DISCONNECT = 14;

  private static final int MAX_LENGTH_BYTES = 4;

  // Flags of CONNECT, MQTT 3.1.1, 3.1.2.3.
  private static final int USER_NAME = 0x80;
  private static final int PASSWORD = 0x40;
  private static final int WILL_RETAIN = 0x20;
  private static final int WILL_QOS = 0x18;
  private static final int WILL = 0x04;

  /** A CONNACK that refuses the protocol level. */
  private static final byte[] UNACCEPTABLE_LEVEL = {0x20, 2, 0, 1};

  private final int maxBytes;
  private boolean first = true;

  /** Creates a handler that refuses packets of more than {@code maxBytes} with their header. */
  MqttPackets(int maxBytes) {
    this.maxBytes = maxBytes;
  }

  @Override
  @SuppressWarnings("FutureReturnValueIgnored") // the connection closes, whatever becomes of it
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) {
    int length = packetBytes(in);
    require(length <= maxBytes, "more than " + maxBytes + " bytes");
    if (length < 0 || in.readableBytes() < length) {
      return;
    }
    ByteBuf packet = in.slice(in.readerIndex(), length);
    if (first && hasOtherLevel(packet)) {
      in.skipBytes(in.readableBytes());
      context.writeAndFlush(Unpooled.wrappedBuffer(UNACCEPTABLE_LEVEL));
      context.close();
      return;
    }
    first = false;
    check(packet.readerIndex(0));
    out.add(in.readRetainedSlice(length));
  }

  /** Returns the length of the packet with its header, or -1 if that has not arrived. */
  private static int packetBytes(ByteBuf in) {
    int remaining = 0;
    for (int i = 1; i <= MAX_LENGTH_BYTES; i++) {
      if (in.readableBytes() <= i) {
        return -1;
      }
      int b = in.getUnsignedByte(in.readerIndex() + i);
      remaining |= (b & 0x7f) << (7 * (i - 1));
      if (b < 0x80) {
        return 1 + i + remaining;
      }
    }
    throw violation("length of more than " + MAX_LENGTH_BYTES + " bytes");
  }

  /** Returns the type of a packet, and skips its header. */
  private static int takeHeader(ByteBuf packet) {
    int type = packet.readUnsignedByte() >> 4;
    boolean more = true;
    while (more) {
      more = packet.readByte() < 0; // the length goes on
    }
    return type;
  }

  /** Returns whether a packet is a CONNECT of a version of MQTT that is not served. */
  private static boolean hasOtherLevel(ByteBuf packet) {
    if (takeHeader(packet) != CONNECT || !text(packet).equals("MQTT")) {
      return false;
    }
    return packet.readByte() != 4;
  }

  private static void check(ByteBuf packet) {
    switch (takeHeader(packet)) {
      case CONNECT -> checkConnect(packet);
      case SUBSCRIBE -> {
        packet.skipBytes(Short.BYTES); // the packet identifier
        do {
          text(packet);
          require(packet.readUnsignedByte() <= 2, "QoS or reserved bits");
        } while (packet.isReadable());
      }
      case UNSUBSCRIBE -> {
        packet.skipBytes(Short.BYTES);
        do {
          text(packet);
        } while (packet.isReadable());
      }
      case DISCONNECT -> require(!packet.isReadable(), "DISCONNECT with a payload");
      default -> {}
    }
  }

  private static void checkConnect(ByteBuf packet) {
    String name = text(packet);
    int level = packet.readByte();
    require(
        (name.equals("MQTT") && level == 4) || (name.equals("MQIsdp") && level == 3),
        "protocol name");
    int flags = packet.readByte();
    require(
        (flags & WILL) != 0
            ? (flags & WILL_QOS) != WILL_QOS
            : (flags & (WILL_QOS | WILL_RETAIN)) == 0,
        "flags of the will");
    require((flags & USER_NAME) != 0 || (flags & PASSWORD) == 0, "password without a user name");
  }

  /** Takes a string, which the decoder checks. */
  private static String text(ByteBuf packet) {
    return packet.readCharSequence(packet.readUnsignedShort(), UTF_8).toString();
  }

  private static void require(boolean condition, String fault) {
    if (!condition) {
      throw violation(fault);
    }
  }

  private static ProtocolException violation(String fault) {
    return new ProtocolException("packet: " + fault + " (expected: MQTT 3.1.1)");
  }
}
