package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.Protocol;
import io.netty.channel.ChannelHandler;
import java.util.List;
import java.util.function.Supplier;

/**
 * Netty's handlers as a protocol: any codec that exists for Netty serves a Jev server or client.
 *
 * <pre>
 *   Server.builder(
 *       NettyCodec.of(FullHttpRequest.class,
 *           () -&gt; List.of(new HttpServerCodec(), new HttpObjectAggregator(65_536))),
 *       (Connection&lt;Object&gt; connection, FullHttpRequest request) -&gt; ...)
 * </pre>
 *
 * <p>Each connection has a pipeline with handlers of its own. What comes out at its end is a
 * message; what is sent goes through it the other way. Messages, limits, back-pressure and the
 * close stay Jev's: a connection that is paused gets no further message, however many the codec has
 * made of one read.
 *
 * <p><b>Carried over.</b> What handlers write of their own accord, when they become active, while
 * they read or in a task, leaves in the order in which they would have written it with a handler of
 * Netty's at the end: behind the replies to the messages before it. When one of them closes the
 * channel the connection closes after what was written. {@code ctx.executor()} runs tasks, now and
 * later, on the connection's event loop, which is what the handlers of {@code
 * io.netty.handler.timeout} need. Handlers may be added, removed and replaced, and may write from
 * other threads. They are removed when the connection closes.
 *
 * <p><b>Not carried over.</b> The channel has no addresses. It reads always: {@code read()} and
 * auto-read change nothing, since Jev presses back. It is always writable: a handler that writes
 * much, such as {@code ChunkedWriteHandler}, writes all of it at once. Files ({@code FileRegion})
 * cannot be written. User events that no handler takes are dropped, and so is a message that a
 * codec makes only when the connection ends. It is not for datagrams.
 *
 * <p><b>Errors.</b> An exception that comes out of the pipeline's end closes the connection with
 * {@link dev.jev.CloseReason.Kind#PROTOCOL_ERROR}, after the messages before it; a message that
 * cannot be encoded, or that no encoder takes, is an {@link IllegalArgumentException} to who sends
 * it. Both have what was thrown as their cause.
 *
 * <p><b>Limits.</b> Bytes of which the codec makes neither a message nor an answer are counted, and
 * a peer that sends more than {@link dev.jev.ProtocolContext#maxFrameBytes} of them is refused;
 * besides, the codec's own limits hold. It gets at most 16 KiB at a time, and no more until what it
 * made of them has been delivered.
 *
 * <p><b>Ownership.</b> As for every protocol: messages that come in are released by the framework,
 * those that are sent are consumed. An answer that carries the content of what came in takes that
 * reference over: it needs no {@code retain}. Bytes are copied once on their way in, so that a
 * codec that keeps the beginning of a frame keeps no more than that, and once on their way out.
 */
public final class NettyCodec {

  private NettyCodec() {}

  /**
   * Protocols whose messages are whatever the handlers make.
   *
   * @param handlers called once for each connection, on its event loop; in the order of a pipeline,
   *     the one nearest to the socket first
   */
  public static Supplier<Protocol<Object, Object>> of(
      Supplier<? extends List<? extends ChannelHandler>> handlers) {
    return of(Object.class, handlers);
  }

  /**
   * Protocols whose messages have a type; one of another type that comes out of the pipeline is
   * released, and closes the connection.
   *
   * @param handlers as in {@link #of(Supplier)}
   */
  public static <I> Supplier<Protocol<I, Object>> of(
      Class<I> messages, Supplier<? extends List<? extends ChannelHandler>> handlers) {
    requireNonNull(messages, "messages");
    requireNonNull(handlers, "handlers");
    return () -> new NettyCodecProtocol<>(messages, handlers);
  }
}
