/**
 * Exposes a server to faults and limits that it has to survive, and prints a table of the results.
 *
 * <p>Start with {@link dev.jev.benchmarks.torturing.TortureCommand}, which lists the rows. The
 * shell script {@code benchmarks/torture} runs them.
 */
@NullMarked
package dev.jev.benchmarks.torturing;

import org.jspecify.annotations.NullMarked;
