/**
 * Measures the work that input without output causes, against ordinary input of the same protocol.
 *
 * <p>Start with {@link dev.jev.benchmarks.working.WorkCommand}, which prints a table.
 */
@NullMarked
package dev.jev.benchmarks.working;

import org.jspecify.annotations.NullMarked;
