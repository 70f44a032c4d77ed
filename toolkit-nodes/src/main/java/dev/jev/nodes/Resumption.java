package dev.jev.nodes;

import dev.jev.Subscription;

/**
 * A subscription that has resumed at a position.
 *
 * @param subscription the subscription; not active if the connection has closed meanwhile
 * @param replayed the number of messages that are delivered before those published from now on
 * @param complete whether these are all messages behind the position; false if messages are lost
 *     for this subscriber because the topic no longer has them
 * @param at the position behind the replayed messages
 */
public record Resumption(Subscription subscription, int replayed, boolean complete, Position at) {}
