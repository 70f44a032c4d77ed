/**
 * Ready-made protocols.
 *
 * <p>Start with {@link dev.jev.codec.Protocols}: each of its factories makes one protocol, to be
 * handed to {@code Server.builder}. The other public types are what some factories are configured
 * with, and the messages of those protocols whose messages are neither bytes nor texts.
 *
 * <p><b>Ownership.</b> Messages that are a {@code ByteBuf} refer to the bytes that were read,
 * without a copy, and are released when the handler returns unless it retains or sends them.
 *
 * <p><b>Limits.</b> No protocol here accepts a frame longer than {@link
 * dev.jev.ProtocolContext#maxFrameBytes}, and none allocates for a length that was declared but has
 * not arrived.
 *
 * <p><b>Libraries.</b> Protocol Buffers, JSON and MessagePack are those of {@code
 * com.google.protobuf:protobuf-java}, {@code tools.jackson.core:jackson-databind} and {@code
 * org.msgpack:msgpack-core}. Jev brings none of them along; who uses one adds it, and nobody else
 * needs it.
 */
@NullMarked
package dev.jev.codec;

import org.jspecify.annotations.NullMarked;
