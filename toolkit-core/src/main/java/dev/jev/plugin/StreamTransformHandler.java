package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import dev.jev.ProtocolException;
import dev.jev.plugin.StreamTransform.Transformer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.Future;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Passes the bytes of one connection through a {@link Transformer}.
 *
 * <p><b>Input.</b> A few bytes may expand to very many. So the output is passed on in chunks, and
 * after each chunk the connection decides whether it continues to read, just as after a read of the
 * socket. If it does not, the rest of the input is kept here, and so is the end of the input.
 * {@link #read}, which is called when the connection reads again, continues with them before
 * anything is read from the socket.
 *
 * <p><b>Turns.</b> After {@value #TURN_BYTES} bytes of input and output, reading pauses until the
 * other connections of the event loop have had their turn.
 *
 * <p><b>Ratio.</b> The end of a frame and a table of codes are work that no output shows, so they
 * count as output: see {@link Framed}.
 *
 * <p><b>Output.</b> All writes between two flushes become one buffer and one write.
 */
final class StreamTransformHandler extends ChannelDuplexHandler implements Plugin.Observer {

  /** Maximum output of one call of the transformer, and its maximum input. */
  static final int CHUNK_BYTES = 32 * 1024;

  static final int TURN_BYTES = 128 * 1024;

  /**
   * A transformer whose input consists of frames, each of which may have no content, but tables of
   * codes. The end of a frame, and a table, take about as long as this many bytes of output.
   */
  interface Framed extends Transformer {
    int FRAME_BYTES = 1024;

    /** Maximum number of frames per call: as much work as a full chunk. */
    int MAX_FRAMES = CHUNK_BYTES / FRAME_BYTES;

    /** Returns the number of frames that the latest call of {@link #inbound} has ended. */
    int endedFrames();

    /** Returns the number of tables that the latest call of {@link #inbound} has built. */
    int builtTables();
  }

  /**
   * Number of output bytes from which the ratio is limited. The ratio covers about as many of the
   * latest input bytes.
   */
  private static final long RATIO_BYTES = 1024 * 1024;

  private final Plugin.Link link;
  private final Transformer transformer;
  private final int maxRatio;

  private ByteBuf input = Unpooled.EMPTY_BUFFER; // not yet transformed
  private boolean hasMore; // true if input or the transformer has bytes to transform
  private boolean transforming;
  private boolean resumeQueued;
  private boolean inputFailed; // further input is dropped
  private @Nullable Object inputEndEvent; // kept until all input has been passed on
  private int turnBytes; // of input and output in this turn
  private long bytesIn;
  private long bytesOut;

  private @Nullable ByteBuf output; // not yet flushed
  private List<ChannelPromise> promises = new ArrayList<>(1);
  private boolean outputEnded;
  private boolean closed;

  StreamTransformHandler(Plugin.Link link, Transformer transformer, int maxRatio) {
    this.link = link;
    this.transformer = transformer;
    this.maxRatio = maxRatio;
  }

  // Input.

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf arrived = (ByteBuf) message;
    if (inputFailed || closed) {
      arrived.release();
    } else if (hasMore || transforming) {
      input = concatenate(ctx, input, arrived);
      hasMore = true;
    } else {
      input = arrived;
      transform(ctx);
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      inputEndEvent = event;
      endInput(ctx);
    } else {
      ctx.fireUserEventTriggered(event);
    }
  }

  @Override
  public void read(ChannelHandlerContext ctx) {
    if (!hasMore && inputEndEvent == null) {
      ctx.read();
    } else if (!resumeQueued) { // later, since a callback may be running
      resumeQueued = true;
      ctx.executor().execute(() -> resume(ctx));
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    turnBytes = 0;
    ctx.fireChannelReadComplete();
  }

  private void resume(ChannelHandlerContext ctx) {
    resumeQueued = false;
    turnBytes = 0;
    if (closed || !isReading(ctx)) {
      return;
    }
    transform(ctx);
    ctx.fireChannelReadComplete();
    endInput(ctx);
    if (!hasMore && isReading(ctx)) {
      ctx.read();
    }
  }

  @Override
  public long bufferedBytes() {
    return closed ? 0 : input.capacity() + transformer.bufferedBytes();
  }

  private static boolean isReading(ChannelHandlerContext ctx) {
    return ctx.channel().config().isAutoRead();
  }

  /** Transforms the input, as much of it as the connection reads. */
  private void transform(ChannelHandlerContext ctx) {
    if (transforming) {
      return;
    }
    transforming = true;
    try {
      while (transformChunk(ctx)) {
        ctx.fireChannelReadComplete(); // after which the connection may stop reading
        if (closed || !isReading(ctx)) {
          break;
        }
        if (turnBytes > TURN_BYTES) {
          yieldTurn(ctx);
          break;
        }
      }
    } catch (Throwable t) {
      failInput(ctx, t);
    } finally {
      transforming = false;
    }
    if (hasMore && !inputFailed && !closed) {
      input = concatenate(ctx, input, Unpooled.EMPTY_BUFFER); // copies a slice of a large buffer
    } else {
      dropInput();
    }
  }

  /** Pauses reading until the event loop has polled its other connections. */
  private void yieldTurn(ChannelHandlerContext ctx) {
    link.pauseReading();
    ctx.executor().schedule(link::resumeReading, 0, TimeUnit.NANOSECONDS); // tasks come earlier
  }

  /** Passes one chunk on; returns whether there is more. */
  private boolean transformChunk(ChannelHandlerContext ctx) {
    ByteBuf chunk = ctx.alloc().directBuffer(CHUNK_BYTES);
    try {
      int length = input.readableBytes();
      inbound(ctx, chunk);
      int consumed = length - input.readableBytes();
      if (consumed == 0 && !chunk.isReadable() && length > 0) {
        throw new IllegalStateException(
            "transformer "
                + transformer.getClass().getName()
                + " neither consumed any of "
                + length
                + " bytes nor produced output");
      }
      hasMore = input.isReadable() || chunk.readableBytes() >= CHUNK_BYTES;
      if (exceedsRatio(consumed, chunk.readableBytes() + hiddenWork())) {
        closeForRatio();
      } else if (chunk.isReadable()) {
        ctx.fireChannelRead(chunk.retain());
      }
      return hasMore && !closed && !inputFailed;
    } finally {
      chunk.release();
    }
  }

  /** Transforms input. Output before a fault is passed on. */
  private void inbound(ChannelHandlerContext ctx, ByteBuf chunk) {
    int end = input.writerIndex();
    input.writerIndex(Math.min(end, input.readerIndex() + CHUNK_BYTES));
    try {
      transformer.inbound(input, chunk);
    } catch (Throwable t) {
      if (chunk.isReadable()) {
        ctx.fireChannelRead(chunk.retain());
      }
      throw t;
    } finally {
      input.writerIndex(end);
    }
  }

  /** Returns the work of the latest call that no output shows, in bytes of output. */
  private int hiddenWork() {
    return transformer instanceof Framed framed
        ? (framed.endedFrames() + framed.builtTables()) * Framed.FRAME_BYTES
        : 0;
  }

  private boolean exceedsRatio(int in, int out) {
    turnBytes += in + out;
    bytesIn += in;
    bytesOut += out;
    if (bytesIn > RATIO_BYTES) {
      bytesIn /= 2;
      bytesOut /= 2;
    }
    return bytesOut > RATIO_BYTES && bytesOut > bytesIn * maxRatio;
  }

  private void closeForRatio() {
    inputFailed = true;
    String actual = "transformed input: " + bytesOut + " bytes from " + bytesIn;
    if (hiddenWork() > 0) {
      actual += ", counting " + Framed.FRAME_BYTES + " for each frame and table";
    }
    String expected = " (expected: <= " + maxRatio + " times as many)";
    link.close(new CloseReason(CloseReason.Kind.LIMIT, new ProtocolException(actual + expected)));
  }

  private void failInput(ChannelHandlerContext ctx, Throwable cause) {
    inputFailed = true;
    if (cause instanceof ProtocolException) {
      link.close(new CloseReason(CloseReason.Kind.PROTOCOL_ERROR, cause));
    } else {
      ctx.fireExceptionCaught(cause);
    }
  }

  private void endInput(ChannelHandlerContext ctx) {
    Object event = inputEndEvent;
    if (event == null || hasMore) {
      return;
    }
    inputEndEvent = null;
    try {
      if (!inputFailed) {
        transformer.inputEnded();
      }
    } catch (Throwable t) {
      failInput(ctx, t);
    }
    ctx.fireUserEventTriggered(event);
  }

  /** Returns a new buffer with the bytes of both, and releases them. */
  private static ByteBuf concatenate(ChannelHandlerContext ctx, ByteBuf first, ByteBuf second) {
    try {
      int length = first.readableBytes() + second.readableBytes();
      return ctx.alloc().directBuffer(length).writeBytes(first).writeBytes(second);
    } finally {
      first.release();
      second.release();
    }
  }

  private void dropInput() {
    input.release();
    input = Unpooled.EMPTY_BUFFER;
    hasMore = false;
  }

  // Output.

  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    ByteBuf bytes = (ByteBuf) message;
    promises.add(promise);
    try {
      if (outputEnded || closed) {
        throw new ClosedChannelException();
      }
      if (bytes.isReadable()) {
        transformer.outbound(bytes, output(ctx));
      }
    } catch (Throwable t) {
      failOutput(ctx, t);
    } finally {
      bytes.release();
    }
  }

  private ByteBuf output(ChannelHandlerContext ctx) {
    ByteBuf out = output;
    if (out == null) {
      out = ctx.alloc().directBuffer();
      output = out;
    }
    return out;
  }

  @Override
  public void flush(ChannelHandlerContext ctx) {
    if (!promises.isEmpty()) {
      try {
        writeOutput(ctx);
      } catch (Throwable t) {
        failOutput(ctx, t);
      }
    }
    ctx.flush();
  }

  private void writeOutput(ChannelHandlerContext ctx) {
    ByteBuf out = output;
    if (out == null) {
      ctx.write(Unpooled.EMPTY_BUFFER, takePromise());
      return;
    }
    transformer.flush(out);
    output = null;
    ctx.write(out, takePromise());
  }

  /** Returns a promise for all writes since the last flush. */
  private ChannelPromise takePromise() {
    List<ChannelPromise> all = promises;
    promises = new ArrayList<>(1);
    ChannelPromise last = all.remove(all.size() - 1);
    return all.isEmpty() ? last : last.unvoid().addListener(done -> complete(all, done));
  }

  private static void complete(List<ChannelPromise> promises, Future<?> done) {
    for (ChannelPromise promise : promises) {
      if (done.isSuccess()) {
        promise.trySuccess();
      } else {
        promise.tryFailure(done.cause());
      }
    }
  }

  private void failOutput(ChannelHandlerContext ctx, Throwable cause) {
    boolean first = !outputEnded && !closed;
    outputEnded = true;
    if (first) {
      ctx.fireExceptionCaught(cause); // first: a failed promise closes with IO_ERROR
    }
    dropOutput(cause);
  }

  private void dropOutput(Throwable cause) {
    if (output != null) {
      output.release();
      output = null;
    }
    List<ChannelPromise> failed = promises;
    promises = new ArrayList<>(0);
    failed.forEach(promise -> promise.tryFailure(cause));
  }

  // Closing.

  @Override
  public @Nullable ChannelFuture ending() {
    ChannelHandlerContext ctx = link.pipeline().context(this);
    if (ctx == null || outputEnded || closed) {
      return null;
    }
    flush(ctx);
    outputEnded = true; // nothing may follow
    ByteBuf last = ctx.alloc().directBuffer();
    try {
      transformer.finish(last);
      return last.isReadable() ? ctx.writeAndFlush(last.retain()) : null;
    } finally {
      last.release();
    }
  }

  /** Releases everything, unless the connection was detached: then the channel is still in use. */
  @Override
  public void closed(CloseReason reason) {
    if (!link.pipeline().channel().isActive()) {
      releaseAll();
    }
  }

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    releaseAll();
    ctx.close(promise);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    releaseAll();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    releaseAll();
  }

  private void releaseAll() {
    if (closed) {
      return;
    }
    closed = true;
    dropOutput(new ClosedChannelException());
    if (!transforming) {
      dropInput();
    }
    transformer.close();
  }
}
