/**
 * The program {@code redis}: a Redis server in memory.
 *
 * <p>{@link dev.jev.samples.redis.RedisHandler} executes commands on the {@code RedisStore}. {@code
 * RedisSetup} executes the commands that clients send when they connect.
 */
@NullMarked
package dev.jev.samples.redis;

import org.jspecify.annotations.NullMarked;
