package dev.jev.test;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The connections of a capture that {@code WireLog.pcap} has written, in the order in which they
 * began.
 *
 * <p>Packets are read in the order of the file, since that plugin writes neither lost nor repeated
 * ones. A file that ends in the middle of a packet, because its process was killed, is read up to
 * there.
 */
record Capture(List<Stream> streams) {

  private static final int MAGIC_NANOS = 0xa1b23c4d;
  private static final int LINKTYPE_RAW = 101;
  private static final int FILE_HEADER_BYTES = 24;
  private static final int PACKET_HEADER_BYTES = 16;
  private static final int MAX_BYTES = Integer.MAX_VALUE - 8; // of an array
  private static final int FIN = 0x01;
  private static final int SYN = 0x02;
  private static final int ACK = 0x10;
  private static final long SECOND_NANOS = 1_000_000_000;

  /** The bytes of one read or write; none for the end of the client's output. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Chunk(long nanos, boolean ofClient, byte[] bytes) {}

  /**
   * A connection.
   *
   * @param number its place in the file, from 1 on
   * @param nanos the time of its beginning, since the first packet of the file
   */
  record Stream(int number, long nanos, List<Chunk> chunks) {

    /** Returns all bytes of the client, or of the server. */
    byte[] bytes(boolean ofClient) {
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      chunks.stream().filter(c -> c.ofClient() == ofClient).forEach(c -> all.writeBytes(c.bytes()));
      return all.toByteArray();
    }
  }

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be read, or is no such capture
   */
  static Capture read(Path path) throws IOException {
    Reader reader = new Reader(path);
    if (Files.size(path) > MAX_BYTES) {
      throw reader.broken("length", Files.size(path) + " bytes", "<= " + MAX_BYTES);
    }
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(path));
    reader.readHeader(file);
    try {
      while (file.remaining() >= PACKET_HEADER_BYTES && reader.readPacket(file)) {
        // The next packet.
      }
    } catch (BufferUnderflowException | IndexOutOfBoundsException | IllegalArgumentException e) {
      throw reader.broken("length", "too short", "a packet of TCP");
    }
    return new Capture(reader.streams);
  }

  /** Reads one file. */
  private static final class Reader {

    private final Path path;
    private final List<Stream> streams = new ArrayList<>();
    private final Map<Direction, Sender> senders = new HashMap<>();
    private int packets;
    private long first; // time of the first packet

    Reader(Path path) {
      this.path = path;
    }

    /** The address and port of one end, and those of the other. */
    private record Direction(ByteBuffer from, ByteBuffer to) {}

    /** One end of a stream. */
    private static final class Sender {
      private final Stream stream;
      private final boolean isClient;
      private int next; // sequence number

      Sender(Stream stream, boolean isClient, int next) {
        this.stream = stream;
        this.isClient = isClient;
        this.next = next;
      }
    }

    private IOException broken(String what, Object actual, Object expected) {
      String where = packets == 0 ? "" : ", packet " + packets;
      return new IOException(
          "capture "
              + path
              + where
              + ": "
              + what
              + ": "
              + actual
              + " (expected: "
              + expected
              + ", as WireLog.pcap writes)");
    }

    private void readHeader(ByteBuffer file) throws IOException {
      if (file.remaining() < FILE_HEADER_BYTES) {
        throw broken("length", file.remaining() + " bytes", ">= " + FILE_HEADER_BYTES);
      }
      int magic = file.getInt(0);
      if (magic != MAGIC_NANOS) {
        throw broken("first bytes", "%08x".formatted(magic), "%08x".formatted(MAGIC_NANOS));
      }
      int link = file.order(ByteOrder.BIG_ENDIAN).getInt(20);
      if (link != LINKTYPE_RAW) {
        throw broken("link type", link, LINKTYPE_RAW);
      }
      file.position(FILE_HEADER_BYTES);
    }

    /** Reads a packet; returns false if it is not complete. */
    private boolean readPacket(ByteBuffer file) throws IOException {
      packets++;
      long nanos = Integer.toUnsignedLong(file.getInt()) * SECOND_NANOS + file.getInt();
      int length = file.getInt();
      file.getInt(); // the length on the network
      if (length < 0 || length > file.remaining()) {
        return false;
      }
      first = packets == 1 ? nanos : first;
      ByteBuffer packet = file.slice(file.position(), length);
      file.position(file.position() + length);
      readIp(packet, nanos - first);
      return true;
    }

    private void readIp(ByteBuffer packet, long nanos) throws IOException {
      int version = (packet.get(0) >>> 4) & 0xf;
      if (version != 4 && version != 6) {
        throw broken("IP version", version, "4 or 6");
      }
      packet.position(version == 4 ? 12 : 8);
      int addressBytes = version == 4 ? 4 : 16;
      byte[] from = new byte[addressBytes + 2];
      byte[] to = new byte[addressBytes + 2];
      packet.get(from, 0, addressBytes).get(to, 0, addressBytes);
      packet.get(from, addressBytes, 2).get(to, addressBytes, 2); // the ports
      readTcp(packet, new Direction(ByteBuffer.wrap(from), ByteBuffer.wrap(to)), nanos);
    }

    private void readTcp(ByteBuffer packet, Direction way, long nanos) throws IOException {
      int sequence = packet.getInt();
      packet.getInt(); // acknowledged
      int header = (packet.get() >>> 4) & 0xf;
      int flags = packet.get();
      packet.position(packet.position() - 14 + 4 * header);
      if ((flags & SYN) != 0) {
        begin(way, (flags & ACK) == 0, sequence + 1, nanos);
        return;
      }
      Sender sender = senders.get(way);
      boolean ends = sender != null && sender.isClient && (flags & FIN) != 0;
      if (sender == null || !(packet.hasRemaining() || ends)) {
        return;
      }
      if (sequence != sender.next) {
        throw broken("sequence number", sequence, sender.next);
      }
      byte[] bytes = new byte[packet.remaining()];
      packet.get(bytes);
      sender.next += bytes.length;
      sender.stream.chunks().add(new Chunk(nanos, sender.isClient, bytes));
    }

    private void begin(Direction way, boolean isClient, int next, long nanos) {
      Sender other = senders.get(new Direction(way.to(), way.from()));
      if (isClient) {
        Stream stream = new Stream(streams.size() + 1, nanos, new ArrayList<>());
        streams.add(stream);
        senders.put(way, new Sender(stream, true, next));
      } else if (other != null) {
        senders.put(way, new Sender(other.stream, false, next));
      }
    }
  }

  /** Returns the distinct, non-empty contents of one direction of all connections. */
  List<byte[]> contents(boolean ofClients) {
    Map<ByteBuffer, byte[]> distinct = new LinkedHashMap<>();
    for (Stream stream : streams) {
      byte[] bytes = stream.bytes(ofClients);
      if (bytes.length > 0) {
        distinct.putIfAbsent(ByteBuffer.wrap(bytes), bytes);
      }
    }
    return List.copyOf(distinct.values());
  }
}
