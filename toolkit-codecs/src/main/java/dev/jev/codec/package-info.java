/**
 * Ready-made protocols.
 *
 * <p>Start with {@link dev.jev.codec.Protocols}: each of its factories creates one protocol for
 * {@code Server.builder} or {@code Client.builder}. {@link dev.jev.codec.NettyCodec} adapts the
 * codecs of Netty, and {@link dev.jev.codec.Multiplexer} serves several protocols on one port. The
 * other public types configure them, or are messages of protocols whose messages are neither bytes
 * nor strings.
 *
 * <p><b>Ownership.</b> A message that is a {@code ByteBuf} is a slice of the bytes that were read,
 * not a copy. It is released when the handler returns; until then the handler may send it any
 * number of times.
 *
 * <p><b>Limits.</b> No protocol accepts a frame longer than {@link
 * dev.jev.ProtocolContext#maxFrameBytes}, and none allocates memory for a declared length before
 * the bytes have arrived.
 *
 * <p><b>Optional dependencies.</b> Protocol Buffers, JSON and MessagePack need {@code
 * com.google.protobuf:protobuf-java}, {@code tools.jackson.core:jackson-databind} and {@code
 * org.msgpack:msgpack-core}. They are optional: an application adds those that it uses.
 */
@NullMarked
package dev.jev.codec;

import org.jspecify.annotations.NullMarked;
