package dev.jev.test;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a peer sends on one connection, and the messages that this must give.
 *
 * @param bytes what it sends
 * @param opening how many of the bytes come before the first message
 * @param expected the snapshots of the messages
 * @param packed whether the bytes were packed, so that none can be spared
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Script(byte[] bytes, int opening, List<@Nullable Object> expected, boolean packed) {}
