package dev.jev.plugin;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.CompositeByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.ReferenceCountedOpenSslEngine;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCounted;
import io.netty.util.concurrent.Promise;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Netty's {@link SslHandler}, with a check of each record before the engine reads it.
 *
 * <p>The handler refuses three things that engines accept. The first is a record that is longer
 * than the standard allows: an engine buffers its beginning until the end arrives. The second is
 * another handshake, with which a client costs a server CPU time (CVE-2011-1473). The third are
 * many records without data, such as key updates, each of which takes the JDK's engine as long as a
 * MiB of data. That engine reads any number of key updates from one record, so a long record counts
 * as several. It may be a short one with padding, though (RFC 8446, 5.4): that which ends the
 * handshake and one more are accepted, however long they are.
 *
 * <p>The handler ignores input after a {@code close_notify}. Before a {@code close_notify} it
 * flushes the replies to earlier input, since engines send nothing afterwards in TLS 1.2. In TLS
 * 1.3 they do, Netty's engine for BoringSSL because of {@link HiddenCloseNotify}.
 *
 * <p><b>Tasks.</b> While an engine runs a task on another thread it is locked. The event loop must
 * neither call it nor lose what arrives: reading pauses when a record arrives, the end of the input
 * waits for the end of the task, and the connection closes without the engine.
 */
final class GuardedSslHandler extends SslHandler implements TlsInput {

  /** RFC 5246, 6.2.3: a protected record exceeds the plaintext by at most 2048 bytes. */
  private static final int MAX_RECORD = TlsRecord.MAX_PLAIN_LENGTH + 2048;

  /** Bytes of data that pay for a record without data. */
  private static final int SILENT_RECORD_BYTES = 64 * 1024;

  /** Maximum number of records without data in a row, as in BoringSSL. */
  private static final int MAX_SILENT_RECORDS = 32;

  /** Maximum length of a record without data that counts as one, of a client. */
  private static final int SILENT_LENGTH = 256;

  /** The same of a server, which also sends two or more session tickets, perhaps padded. */
  private static final int SERVER_SILENT_LENGTH = 2048;

  /** Minimum length of bytes that wait in a buffer of their own; fewer are copied. */
  private static final int MIN_UNCOPIED_BYTES = 1024;

  /** Size of the buffer that Netty reads few bytes into, with its object. */
  private static final int MIN_BUFFER_BYTES = 2048;

  /**
   * The event that reports a peer that closes during the handshake. Engines take this for an error:
   * some expect an encrypted record.
   */
  static final Object PEER_CLOSED = new Object();

  /**
   * The event that reports a {@code close_notify}. Netty's own event also comes after one of this
   * end: BoringSSL's engine is closed for Netty's handler when its output is, although it reads on.
   */
  static final Object INPUT_ENDED = new Object();

  /** The event that reports input that has to wait for a task. */
  static final Object INPUT_WAITS = new Object();

  /** The event that reports that input need not wait any longer. */
  static final Object INPUT_CONTINUES = new Object();

  private final HandshakeTasks tasks;
  private boolean refused; // all input is ignored, as after a close_notify
  private boolean discards; // the connection closes during the handshake and discards all input
  private boolean delivered; // the current record has had data
  private int credit = MAX_SILENT_RECORDS * SILENT_RECORD_BYTES; // for records without data
  private boolean inputWaits;
  private boolean deliveredHere; // and not by Netty's handler
  private long handshakeBytes; // consumed during the handshake
  private @Nullable Object inputEnd; // the event, while it waits for a task

  GuardedSslHandler(SSLEngine engine, Executor taskExecutor) {
    this(engine, new HandshakeTasks(engine, taskExecutor));
  }

  private GuardedSslHandler(SSLEngine engine, HandshakeTasks tasks) {
    super(engine, tasks);
    this.tasks = tasks;
    setHandshakeTimeoutMillis(0); // that of TlsHandshake covers the ClientHello too
    if (engine instanceof ReferenceCounted) { // not one of the JDK
      setCumulator(GuardedSslHandler::cumulate);
    }
  }

  /**
   * Adds bytes that have arrived to an incomplete record. Netty's handler never copies them for
   * these engines, so that a record in pieces of one byte would occupy a buffer for each byte.
   */
  private static ByteBuf cumulate(ByteBufAllocator allocator, ByteBuf record, ByteBuf arrived) {
    boolean copied = arrived.readableBytes() < MIN_UNCOPIED_BYTES;
    return (copied ? MERGE_CUMULATOR : COMPOSITE_CUMULATOR).cumulate(allocator, record, arrived);
  }

  /**
   * Returns the memory of the incomplete record and, during the handshake, the bytes that were
   * passed to the engine, which collects whole messages.
   */
  @Override
  public long bufferedBytes() {
    ByteBuf record = internalBuffer();
    long bytes = record.capacity();
    if (record instanceof CompositeByteBuf parts) {
      bytes = Math.max(bytes, (long) MIN_BUFFER_BYTES * parts.numComponents());
    }
    return handshakeFuture().isDone() ? bytes : bytes + handshakeBytes;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
    tasks.attach(ctx.executor(), () -> continueInput(ctx));
    super.handlerAdded(ctx);
  }

  @Override
  public void handlerRemoved0(ChannelHandlerContext ctx) throws Exception {
    tasks.abandon();
    super.handlerRemoved0(ctx);
  }

  /** Returns whether the engine may be locked; there are no tasks after the handshake. */
  private boolean mayBeLocked() {
    return tasks.arePending() && !handshakeFuture().isDone();
  }

  /** Sends a {@code close_notify}; returns null if that is impossible in the middle of a task. */
  @Nullable ChannelFuture end() {
    discards = !handshakeFuture().isSuccess();
    return mayBeLocked() ? null : closeOutbound();
  }

  /** Called by the next handler, with the data of a record. */
  void delivered(int bytes) {
    delivered = true;
    credit = Math.min(credit + bytes, MAX_SILENT_RECORDS * SILENT_RECORD_BYTES);
  }

  // Called at the beginning of a record, and again while the record is incomplete.
  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out)
      throws SSLException {
    if (discards) {
      out.add(in.readRetainedSlice(in.readableBytes())); // which the connection counts
      return;
    }
    if (refused) {
      in.skipBytes(in.readableBytes());
      return;
    }
    if (in.readableBytes() >= TlsRecord.HEADER) {
      check(ctx, in);
    }
    if (!refused) {
      decodeOrWait(ctx, in, out);
    }
  }

  /** Decodes, and pauses reading while Netty's handler decodes nothing because of a task. */
  private void decodeOrWait(ChannelHandlerContext ctx, ByteBuf in, List<Object> out)
      throws SSLException {
    if (handshakeFuture().isDone()) {
      inputWaits(ctx, false); // before a message is delivered
    }
    int readable = in.readableBytes();
    if (mayHideCloseNotify(in)) {
      decodeShort(ctx, in);
    } else {
      super.decode(ctx, in, out);
    }
    if (sslCloseFuture().isSuccess() && engine().isInboundDone()) {
      endInput(ctx);
    }
    int consumed = readable - in.readableBytes();
    boolean ignored = consumed == 0;
    if (!ignored && !delivered && handshakeFuture().isSuccess()) {
      paySilentRecord(ctx, in, consumed);
    }
    delivered = false;
    handshakeBytes += handshakeFuture().isDone() ? 0 : consumed;
    inputWaits(ctx, ignored && tasks.arePending() && isRecordComplete(in));
  }

  /** Returns whether the input is a record that only BoringSSL can tell from a close_notify. */
  private boolean mayHideCloseNotify(ByteBuf in) {
    return engine() instanceof ReferenceCountedOpenSslEngine boringSsl
        && handshakeFuture().isSuccess()
        && in.readableBytes() >= TlsRecord.HEADER
        && TlsRecord.mayBeLastAlert(in)
        && boringSsl.getSession().getProtocol().equals("TLSv1.3");
  }

  /**
   * Decodes a short record, once it is complete. Netty's handler must not see a part of it: it
   * would remember the length.
   */
  private void decodeShort(ChannelHandlerContext ctx, ByteBuf in) throws SSLException {
    if (!isRecordComplete(in)) {
      return;
    }
    ByteBuffer data = HiddenCloseNotify.read((ReferenceCountedOpenSslEngine) engine(), in);
    if (data == null) {
      ((Promise<Channel>) sslCloseFuture()).trySuccess(ctx.channel()); // as Netty's handler does
      endInput(ctx);
    } else if (data.hasRemaining()) {
      deliveredHere = true;
      ctx.fireChannelRead(ctx.alloc().directBuffer(data.remaining()).writeBytes(data));
    } else {
      ctx.pipeline().flush(); // sends an answer or an alert
    }
  }

  /**
   * Ends a batch of reads. Netty's handler would read on during a pause, since it does not know of
   * the data that was delivered here.
   */
  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
    boolean paused = deliveredHere && !ctx.channel().config().isAutoRead();
    deliveredHere = false;
    if (paused) {
      ctx.flush();
      ctx.fireChannelReadComplete();
    } else {
      super.channelReadComplete(ctx);
    }
  }

  private void endInput(ChannelHandlerContext ctx) {
    refused = true;
    ctx.fireUserEventTriggered(INPUT_ENDED);
  }

  private void paySilentRecord(ChannelHandlerContext ctx, ByteBuf in, int length) {
    int unit = engine().getUseClientMode() ? SERVER_SILENT_LENGTH : SILENT_LENGTH;
    int records = Math.max(1, Math.min(length / unit, MAX_SILENT_RECORDS / 2));
    credit -= records * SILENT_RECORD_BYTES;
    if (credit < 0 && !refused) {
      String limit =
          "<= %d of %d bytes, and 1 per %d bytes of data"
              .formatted(MAX_SILENT_RECORDS, unit, SILENT_RECORD_BYTES);
      refuse(ctx, in, "records without data: too many or too long (expected: " + limit + ")");
    }
  }

  private static boolean isRecordComplete(ByteBuf in) {
    int readable = in.readableBytes();
    return readable >= TlsRecord.HEADER && readable >= TlsRecord.HEADER + TlsRecord.length(in);
  }

  private void inputWaits(ChannelHandlerContext ctx, boolean waits) {
    if (inputWaits != waits) {
      inputWaits = waits;
      ctx.fireUserEventTriggered(waits ? INPUT_WAITS : INPUT_CONTINUES);
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
    if (event instanceof ChannelInputShutdownEvent && tasks.arePending()) {
      inputEnd = event;
    } else {
      super.userEventTriggered(ctx, event);
    }
  }

  private void continueInput(ChannelHandlerContext ctx) {
    if (ctx.isRemoved()) {
      return;
    }
    inputWaits(ctx, false);
    Object end = inputEnd;
    if (end != null) {
      inputEnd = null;
      try {
        super.userEventTriggered(ctx, end);
      } catch (Exception e) {
        ctx.fireExceptionCaught(e);
      }
    }
  }

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) throws Exception {
    if (mayBeLocked()) {
      ctx.close(promise);
    } else {
      super.close(ctx, promise);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) throws Exception {
    if (mayBeLocked()) {
      internalBuffer().skipBytes(actualReadableBytes());
      ctx.fireChannelInactive();
    } else {
      super.channelInactive(ctx);
    }
  }

  private void check(ChannelHandlerContext ctx, ByteBuf in) {
    int type = TlsRecord.type(in);
    int length = TlsRecord.length(in);
    if (type < TlsRecord.FIRST_TYPE || type > TlsRecord.LAST_TYPE) {
      refuse(ctx, in, "record type: " + type + " (expected: 20..23)");
    } else if (TlsRecord.majorVersion(in) != 3) {
      String version = TlsRecord.majorVersion(in) + " (expected: 3)";
      refuse(ctx, in, "major record version: " + version);
    } else if (length > MAX_RECORD) {
      refuse(ctx, in, "record length: " + length + " bytes (expected: <= " + MAX_RECORD + ")");
    } else if (!handshakeFuture().isDone() && TlsRecord.isPlainClose(in)) {
      refused = true;
      in.skipBytes(in.readableBytes());
      ctx.fireUserEventTriggered(PEER_CLOSED);
    } else if (handshakeFuture().isSuccess()) {
      if (type == TlsRecord.HANDSHAKE) {
        refuse(ctx, in, "peer began a second handshake; renegotiation is refused");
      } else if (type == TlsRecord.ALERT
          || (TlsRecord.mayBeLastAlert(in) && !mayHideCloseNotify(in))) {
        ctx.fireChannelReadComplete(); // flushes the replies
      }
    }
  }

  private void refuse(ChannelHandlerContext ctx, ByteBuf in, String message) {
    refused = true;
    in.skipBytes(in.readableBytes());
    ctx.fireExceptionCaught(new ProtocolException(message));
  }
}
