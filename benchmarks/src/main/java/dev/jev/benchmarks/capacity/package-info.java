/** Costs of topics on many nodes, beside those that the formulas of docs/capacity.md predict. */
@NullMarked
package dev.jev.benchmarks.capacity;

import org.jspecify.annotations.NullMarked;
