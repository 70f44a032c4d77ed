package dev.jev.plugin;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * A file of captured packets, in the format of libpcap with nanoseconds.
 *
 * <p>A packet is written completely or not at all. Nothing more is written when the limit is
 * reached or a write has failed, which is logged once.
 *
 * <p><b>Threads.</b> May be used by any thread.
 */
final class PcapFile implements Closeable {

  private static final System.Logger LOGGER = System.getLogger("dev.jev");

  /** The link type of packets that begin with a header of IPv4 or IPv6. */
  private static final int LINKTYPE_RAW = 101;

  private static final int MAGIC_NANOS = 0xa1b23c4d;
  private static final int FILE_HEADER_BYTES = 24;
  private static final int PACKET_HEADER_BYTES = 16;
  private static final int MAX_PACKET_BYTES = 65_535;
  private static final int BUFFER_BYTES = 64 * 1024;
  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Path path;
  private final Instant start = Instant.now(); // captures have the time of day
  private final long startNanos = System.nanoTime();

  private final Channel file;
  private final long maxBytes;

  // Guarded by this.
  private final OutputStream out;
  private long bytes = FILE_HEADER_BYTES;
  private boolean ended;
  private boolean failed; // what is buffered may be written in part

  private PcapFile(Path path, WritableByteChannel file, long maxBytes) {
    this.path = path;
    this.file = file;
    this.out = new BufferedOutputStream(Channels.newOutputStream(file), BUFFER_BYTES);
    this.maxBytes = maxBytes;
  }

  /** Creates a file that only its owner may read, in place of an existing one. */
  static PcapFile create(Path path, long maxBytes) throws IOException {
    if (Files.isRegularFile(path) || Files.isSymbolicLink(path)) {
      Files.delete(path); // with its permissions
    }
    boolean isNew = Files.notExists(path); // false for a pipe, for example
    Set<OpenOption> options =
        isNew
            ? Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)
            : Set.of(StandardOpenOption.WRITE);
    boolean isPosix = path.getFileSystem().supportedFileAttributeViews().contains("posix");
    FileAttribute<?>[] attributes =
        isNew && isPosix
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            }
            : new FileAttribute<?>[0];
    PcapFile created =
        new PcapFile(path, Files.newByteChannel(path, options, attributes), maxBytes);
    created.writeHeader();
    return created;
  }

  private synchronized void writeHeader() throws IOException {
    byte[] headerBytes = new byte[FILE_HEADER_BYTES];
    ByteBuffer header = ByteBuffer.wrap(headerBytes).putInt(MAGIC_NANOS);
    header.putShort((short) 2).putShort((short) 4).putLong(0); // version; UTC
    header.putInt(MAX_PACKET_BYTES).putInt(LINKTYPE_RAW);
    out.write(headerBytes);
  }

  /** Writes a packet with the current time. */
  synchronized void write(byte[] packet) {
    int length = PACKET_HEADER_BYTES + packet.length;
    if (ended) {
      return;
    }
    if (bytes + length > maxBytes) {
      end("limit of " + maxBytes + " bytes reached");
      return;
    }
    bytes += length;
    long nanos = start.getNano() + System.nanoTime() - startNanos;
    long seconds = start.getEpochSecond() + nanos / SECOND_NANOS;
    byte[] headerBytes = new byte[PACKET_HEADER_BYTES];
    ByteBuffer header = ByteBuffer.wrap(headerBytes);
    header.putInt((int) seconds).putInt((int) (nanos % SECOND_NANOS));
    header.putInt(packet.length).putInt(packet.length);
    try {
      out.write(headerBytes);
      out.write(packet);
    } catch (IOException e) {
      fail(e);
    }
  }

  /** Makes the packets so far visible to readers of the file. */
  synchronized void flush() {
    if (!failed) {
      try {
        out.flush();
      } catch (IOException e) {
        fail(e);
      }
    }
  }

  private void fail(IOException cause) {
    failed = true;
    end(cause.toString());
  }

  private void end(String why) {
    if (!ended) {
      ended = true;
      LOGGER.log(Level.WARNING, "capture " + path + " ended: " + why);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    ended = true;
    if (failed) {
      file.close(); // and does not write the buffer again
    } else {
      out.close();
    }
  }
}
