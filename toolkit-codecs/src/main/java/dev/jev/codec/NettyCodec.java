package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.Protocol;
import io.netty.channel.ChannelHandler;
import java.util.List;
import java.util.function.Supplier;

/**
 * An adapter that runs Netty's channel handlers as a protocol: any codec that exists for Netty
 * serves a Jev server or client.
 *
 * <pre>
 *   Server.builder(
 *       NettyCodec.of(FullHttpRequest.class,
 *           () -&gt; List.of(new HttpServerCodec(), new HttpObjectAggregator(65_536))),
 *       (Connection&lt;Object&gt; connection, FullHttpRequest request) -&gt; ...)
 * </pre>
 *
 * <p>Each connection has a pipeline with handlers of its own. A message that reaches the end of the
 * pipeline is delivered; a message that is sent passes through the pipeline in the other direction.
 * Delivery, limits, back-pressure and closing remain with Jev: a paused connection gets no further
 * message, however many messages the codec has decoded from one read.
 *
 * <p><b>Supported.</b> Handlers may write unprompted: when they become active, while they read, or
 * in a task. This output is sent in the same order as with a Netty handler at the end of the
 * pipeline: after the replies to the messages before it. When a handler closes the channel, the
 * connection closes after the output written so far. {@code ctx.executor()} runs immediate and
 * scheduled tasks on the connection's event loop, as the handlers of {@code
 * io.netty.handler.timeout} require. Handlers may be added, removed and replaced, and may write
 * from other threads. They are removed when the connection closes.
 *
 * <p><b>Not supported.</b> The channel has no addresses. It always reads: {@code read()} and
 * auto-read have no effect, since Jev applies back-pressure. It is always writable: a handler with
 * much output, such as {@code ChunkedWriteHandler}, writes all of it at once. Files ({@code
 * FileRegion}) cannot be written. User events that no handler consumes are dropped, and so is a
 * message that a codec decodes only when the connection ends. Datagrams are not supported.
 *
 * <p><b>Errors.</b> An exception that reaches the end of the pipeline closes the connection with
 * {@link dev.jev.CloseReason.Kind#PROTOCOL_ERROR}, after the messages before it. A message that
 * cannot be encoded, or that no encoder accepts, causes an {@link IllegalArgumentException} for the
 * sender. The cause of both is the original exception.
 *
 * <p><b>Limits.</b> Bytes from which the codec makes neither a message nor an answer count as one
 * incomplete frame: a peer that sends more than {@link dev.jev.ProtocolContext#maxFrameBytes} of
 * them is refused, and the {@link dev.jev.Server.Builder#frameTimeout} runs until the next message
 * or answer. It has to be disabled for a codec that drops whole frames, such as signs of life, or
 * bytes between frames, such as newlines, without an answer. What a handler writes in a task counts
 * as an answer. The last byte of a read is passed to the codec on its own: if nothing comes of it,
 * a frame is incomplete. Once a codec has released all input that it was given, it gets whole
 * reads. If such a read ends with the beginning of a frame, the time of that frame starts at the
 * next read. The limits of the codec apply as well.
 *
 * <p><b>Decoding ahead.</b> The codec gets at most 2 KiB at a time, and no more until the resulting
 * messages have been delivered; 16 KiB if each of its handlers serves one direction only. A codec
 * that limits the messages whose replies are not encoded yet, such as {@code HttpServerCodec} to
 * 128 requests, must allow as many as fit into 2 KiB. A handler that replies later pauses reading
 * until then. An {@linkplain dev.jev.Handler#offload offloaded} one needs a codec without such a
 * limit: {@code new HttpServerCodec(new HttpDecoderConfig(), Integer.MAX_VALUE)}; Jev limits the
 * messages that wait for it.
 *
 * <p><b>Ownership.</b> As in every protocol, inbound messages are released by the framework, and
 * outbound messages are consumed. An answer that carries the content of an inbound message takes
 * over its reference, without a {@code retain}. Inbound bytes are copied once, so that a codec that
 * keeps the beginning of a frame keeps no more than that; outbound bytes are copied once as well.
 */
public final class NettyCodec {

  private NettyCodec() {}

  /**
   * Returns a factory of protocols whose messages are whatever the handlers decode.
   *
   * @param handlers a factory of the handlers of a pipeline, the one nearest to the socket first;
   *     called once per connection, on its event loop
   */
  public static Supplier<Protocol<Object, Object>> of(
      Supplier<? extends List<? extends ChannelHandler>> handlers) {
    return of(Object.class, handlers);
  }

  /**
   * Returns a factory of protocols whose messages have one type. A message of another type that
   * reaches the end of the pipeline is released and closes the connection.
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
