/**
 * Redis as the engine of topics on many nodes.
 *
 * <pre>
 *   Nodes nodes = Nodes.builder(RedisBackplane.of("redis://127.0.0.1:6379")).build();
 * </pre>
 *
 * <p>Start with {@link dev.jev.redis.RedisBackplane}; nothing else here is public.
 *
 * <h2>Threads</h2>
 *
 * <p>An open node has a thread of its own, {@code jev-redis-*}, on which all of its commands are
 * sent, and which follows the masters. Answers and records arrive on two threads of Lettuce.
 */
@NullMarked
package dev.jev.redis;

import org.jspecify.annotations.NullMarked;
