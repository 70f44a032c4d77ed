/**
 * The benchmark program: one subcommand per experiment.
 *
 * <pre>
 *   Benchmarks --> comparing --> shared     speed and memory of servers
 *              --> torturing --> shared     faults and limits that a server has to survive
 *              --> working   --> shared     work that input without output causes
 *              --> codecs                   codecs alone, with JMH
 * </pre>
 *
 * <p>Start with {@link dev.jev.benchmarks.Benchmarks}, which lists the commands.
 */
@NullMarked
package dev.jev.benchmarks;

import org.jspecify.annotations.NullMarked;
