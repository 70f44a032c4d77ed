package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Logs the bytes of connections, in hexadecimal and as text.
 *
 * <p>Everything is limited: the number of logged connections, the bytes of each, and the number of
 * entries per second. A connection that is not logged costs nothing. The log contains what peers
 * sent: protect it accordingly.
 *
 * <p>One instance may log several servers and clients.
 */
public final class WireLog implements Plugin {

  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Stage stage;
  private final int oneIn;
  private final int maxBytesShown;
  private final long maxBytesPerConnection;
  private final int maxEntriesPerSecond;
  private final Consumer<String> sink;
  private final AtomicLong connections = new AtomicLong();

  // Guarded by this.
  private long second = System.nanoTime();
  private int entries; // logged in that second
  private long omitted;

  private WireLog(Builder builder) {
    stage = builder.stage;
    oneIn = builder.oneIn;
    maxBytesShown = builder.maxBytesShown;
    maxBytesPerConnection = builder.maxBytesPerConnection;
    maxEntriesPerSecond = builder.maxEntriesPerSecond;
    sink = builder.sink;
  }

  /** Begins the configuration of a log. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Begins the configuration of a capture: a file that Wireshark and tshark open, that {@code
   * ProtocolContract.capture} takes as samples, and that {@code Replay} sends again.
   *
   * @param path the file to write; an existing one is replaced when the first server or client
   *     starts
   */
  public static PcapBuilder pcap(Path path) {
    return new PcapBuilder(path);
  }

  @Override
  public Stage stage() {
    return stage;
  }

  @Override
  public @Nullable Observer install(Link link) {
    if (connections.getAndIncrement() % oneIn != 0) {
      return null;
    }
    Tap tap = new Tap(link);
    link.pipeline().addLast(tap);
    return tap;
  }

  /** Logs an entry, with the number of entries that were omitted before it. */
  private void log(String entry, long omittedBefore) {
    try {
      sink.accept(
          omittedBefore == 0 ? entry : entry + "\n(" + omittedBefore + " earlier entries omitted)");
    } catch (RuntimeException | Error e) {
      // A failing log is no reason to close a connection.
    }
  }

  /**
   * Returns the number of entries that were omitted since the last one, or -1 if this one must be
   * omitted too.
   */
  private synchronized long admit() {
    long now = System.nanoTime();
    if (now - second >= SECOND_NANOS) {
      second = now;
      entries = 0;
    }
    if (entries == maxEntriesPerSecond) {
      omitted++;
      return -1;
    }
    entries++;
    long omittedBefore = omitted;
    omitted = 0;
    return omittedBefore;
  }

  private final class Tap extends ChannelDuplexHandler implements Observer {

    private final Link link;
    private long read;
    private long written;
    private long shown;

    Tap(Link link) {
      this.link = link;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof ByteBuf bytes) {
        read += bytes.readableBytes();
        show("read", bytes);
      }
      ctx.fireChannelRead(message);
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      if (message instanceof ByteBuf bytes) {
        written += bytes.readableBytes();
        show("wrote", bytes);
      }
      ctx.write(message, promise);
    }

    private void show(String operation, ByteBuf bytes) {
      int length = bytes.readableBytes();
      int shownBytes =
          (int) Math.min(Math.min(length, maxBytesShown), maxBytesPerConnection - shown);
      long omittedBefore = shownBytes == 0 ? -1 : admit();
      if (omittedBefore >= 0) {
        shown += shownBytes;
        String rest = shownBytes == length ? "" : ", first " + shownBytes + " shown";
        String table = ByteBufUtil.prettyHexDump(bytes, bytes.readerIndex(), shownBytes);
        log(
            name() + ' ' + operation + ' ' + length + " bytes" + rest + '\n' + table,
            omittedBefore);
      }
    }

    private String name() {
      String id = link.pipeline().channel().id().asShortText();
      return id + ' ' + link.connection().remoteAddress();
    }

    @Override
    public void closed(CloseReason reason) {
      long omittedBefore = admit();
      if (omittedBefore >= 0) {
        String bytes = read + " bytes read, " + written + " bytes written";
        log(name() + " closed, " + reason.kind() + ": " + bytes, omittedBefore);
      }
    }
  }

  /** The configuration of a {@link WireLog}. Every setter checks its value at once. */
  public static final class Builder {

    private Stage stage = Stage.SOCKET;
    private int oneIn = 1;
    private int maxBytesShown = 256;
    private long maxBytesPerConnection = 64 * 1024;
    private int maxEntriesPerSecond = 100;
    private Consumer<String> sink = WireLog::toSystemLog;

    private Builder() {}

    /**
     * Sets which bytes are logged: those of the socket ({@link Plugin.Stage#SOCKET}, the default),
     * which may be encrypted, those of the protocol ({@link Plugin.Stage#MESSAGES}), or those of a
     * stage in between.
     */
    public Builder stage(Stage stage) {
      this.stage = requireNonNull(stage, "stage");
      return this;
    }

    /**
     * Logs one connection in {@code oneIn}, beginning with the first; 1 by default, which logs all.
     */
    public Builder oneIn(int oneIn) {
      this.oneIn = Checks.inRange("oneIn", oneIn, 1, Integer.MAX_VALUE);
      return this;
    }

    /** Sets the maximum number of bytes shown per read or write; 256 by default. */
    public Builder maxBytesShown(int maxBytesShown) {
      this.maxBytesShown = Checks.inRange("maxBytesShown", maxBytesShown, 1, 1 << 20);
      return this;
    }

    /**
     * Sets the maximum number of bytes shown per connection, both directions together; 64 KiB by
     * default.
     */
    public Builder maxBytesPerConnection(long maxBytesPerConnection) {
      this.maxBytesPerConnection =
          Checks.inRange("maxBytesPerConnection", maxBytesPerConnection, 1, Long.MAX_VALUE);
      return this;
    }

    /**
     * Sets the maximum number of reads, writes and closes per second that are logged for all
     * connections together; 100 by default. The number of omitted entries is logged.
     */
    public Builder maxEntriesPerSecond(int maxEntriesPerSecond) {
      this.maxEntriesPerSecond =
          Checks.inRange("maxEntriesPerSecond", maxEntriesPerSecond, 1, Integer.MAX_VALUE);
      return this;
    }

    /**
     * Sets the receiver of the entries, which have several lines each. It is called on event loops.
     * By default it is the {@link System.Logger} {@code dev.jev.wire}, at level INFO.
     */
    public Builder to(Consumer<String> sink) {
      this.sink = requireNonNull(sink, "sink");
      return this;
    }

    /** Returns the plugin. */
    public WireLog build() {
      return new WireLog(this);
    }
  }

  /**
   * The configuration of a capture, see {@link #pcap}. Every setter checks its value at once.
   *
   * <p>The file has the format of libpcap. Each connection is a stream of TCP packets that were
   * never lost, also that of a unix socket or behind TLS. A read or write is a packet, or several
   * if it is long. The file is closed when the last of the servers and clients stops that were
   * started with the plugin; it cannot be started again then.
   *
   * <p><b>Ownership.</b> The file contains what peers have sent. It is created so that only its
   * owner may read it; see also {@link #mask}.
   */
  public static final class PcapBuilder {

    private final Path path;
    private Stage stage = Stage.SOCKET;
    private int oneIn = 1;
    private long maxBytes = 64L * 1024 * 1024;
    private @Nullable UnaryOperator<byte[]> mask;

    private PcapBuilder(Path path) {
      this.path = requireNonNull(path, "path");
    }

    /**
     * Sets which bytes are captured: those of the socket ({@link Plugin.Stage#SOCKET}, the
     * default), which may be encrypted, those of the protocol ({@link Plugin.Stage#MESSAGES}), or
     * those of a stage in between.
     */
    public PcapBuilder stage(Stage stage) {
      this.stage = requireNonNull(stage, "stage");
      return this;
    }

    /**
     * Captures one connection in {@code oneIn}, beginning with the first; 1 by default, which
     * captures all. A connection that is not captured costs nothing.
     */
    public PcapBuilder oneIn(int oneIn) {
      this.oneIn = Checks.inRange("oneIn", oneIn, 1, Integer.MAX_VALUE);
      return this;
    }

    /**
     * Sets the maximum size of the file in bytes; 64 MiB by default. Nothing more is captured when
     * it is reached, which is logged.
     */
    public PcapBuilder maxBytes(long maxBytes) {
      this.maxBytes = Checks.inRange("maxBytes", maxBytes, 1024, Long.MAX_VALUE);
      return this;
    }

    /**
     * Sets a function that masks payload before it is written; none by default. It gets the bytes
     * of one read or write, which it may change, and returns the bytes to capture. It sees neither
     * the beginning of a message nor its end if that is in another read.
     *
     * <p><b>Threads.</b> Called on event loops: must not block. If it fails, zeros are captured,
     * which is logged.
     */
    public PcapBuilder mask(UnaryOperator<byte[]> mask) {
      this.mask = requireNonNull(mask, "mask");
      return this;
    }

    /**
     * Returns the plugin. The start of a server or client fails with an {@link
     * java.io.UncheckedIOException} if the file cannot be created.
     */
    public Plugin build() {
      return new PcapLog(path, stage, oneIn, maxBytes, mask);
    }
  }

  private static void toSystemLog(String entry) {
    System.getLogger("dev.jev.wire").log(Level.INFO, entry);
  }
}
