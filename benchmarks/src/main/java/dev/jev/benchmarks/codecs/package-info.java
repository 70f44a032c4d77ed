/**
 * Measures codecs alone, without a network, against Netty's handlers for the same frames.
 *
 * <p>Start with {@link dev.jev.benchmarks.codecs.CodecsCommand}, which runs the JMH benchmark and
 * prints a table.
 */
@NullMarked
package dev.jev.benchmarks.codecs;

import org.jspecify.annotations.NullMarked;
