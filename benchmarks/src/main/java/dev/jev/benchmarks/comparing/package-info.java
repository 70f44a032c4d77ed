/**
 * Compares servers as whole processes: CPU time per message, throughput, latency and memory.
 *
 * <pre>
 *   compare / idle --> server processes, pinned to core 0   (jev, netty, redis-server, any command)
 *                  --> a load process, pinned to core 1     (load, hold, redis-benchmark)
 * </pre>
 *
 * <p>{@link dev.jev.benchmarks.comparing.RequestsCommand} compares clients, on the load's core.
 *
 * <p>Start with {@link dev.jev.benchmarks.comparing.CompareCommand}. The shell script {@code
 * benchmarks/run} measures every row of the published table.
 *
 * <p>The CPU time of a message is the user and system time of <em>all</em> threads of the server
 * process, read from {@code /proc} at both ends of the measured window, divided by the number of
 * whole messages within the window. Linux only.
 */
@NullMarked
package dev.jev.benchmarks.comparing;

import org.jspecify.annotations.NullMarked;
