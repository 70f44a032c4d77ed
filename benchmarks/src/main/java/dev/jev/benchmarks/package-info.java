/**
 * Measures servers as whole processes: processor time per message, throughput, latency and memory.
 *
 * <pre>
 *   compare / idle --> server processes, pinned to core 0   (jev, netty, redis-server, any command)
 *                  --> a load process, pinned to core 1     (load, hold, redis-benchmark)
 * </pre>
 *
 * <p>Start with {@link dev.jev.benchmarks.Benchmarks}, which lists the commands. The shell script
 * {@code benchmarks/run} measures every row of the published table.
 *
 * <p>{@link dev.jev.benchmarks.CodecsCommand} measures codecs alone, with JMH.
 *
 * <p>The processor time of a message is the user and system time of <em>all</em> threads of the
 * server process, read from {@code /proc} at both ends of the measured window, divided by the whole
 * messages counted within it. Linux only.
 */
@NullMarked
package dev.jev.benchmarks;

import org.jspecify.annotations.NullMarked;
