/**
 * Ready-made protocols.
 *
 * <p>Start with {@link dev.jev.codec.Protocols}: each of its factories makes one protocol, to be
 * handed to {@code Server.builder}. The other public types are the messages of those protocols
 * whose messages are not simply bytes.
 *
 * <p><b>Limits.</b> No protocol here accepts a frame longer than {@link
 * dev.jev.Wire#maxFrameBytes}, and none allocates for a length that was declared but has not
 * arrived.
 */
@NullMarked
package dev.jev.codec;

import org.jspecify.annotations.NullMarked;
