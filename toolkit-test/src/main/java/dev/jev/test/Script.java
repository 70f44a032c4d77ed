package dev.jev.test;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that a peer sends on one connection, and the messages in them.
 *
 * @param bytes the bytes
 * @param opening the number of bytes before the first message
 * @param expected the snapshots of the messages
 * @param packed true if the protocol packed the bytes, so that all of them are needed
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Script(byte[] bytes, int opening, List<@Nullable Object> expected, boolean packed) {}
