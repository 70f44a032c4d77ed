package dev.jev.redis;

import dev.jev.nodes.Backplane.Channel;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A channel that a node has subscribed to. */
final class Subscription {

  final String key;
  final int partition;

  /** The topic whose records it carries; null if it carries something else. */
  final @Nullable Channel channel;

  /** Called with each message, on a thread of the connection. */
  final Consumer<byte[]> receiver;

  /** Complete when Redis has confirmed the subscription for the first time. */
  final CompletableFuture<Void> confirmed = new CompletableFuture<>();

  Subscription(String key, int partition, @Nullable Channel channel, Consumer<byte[]> receiver) {
    this.key = key;
    this.partition = partition;
    this.channel = channel;
    this.receiver = receiver;
  }
}
