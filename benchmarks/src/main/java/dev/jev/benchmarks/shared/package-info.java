/**
 * Child processes, figures from {@code /proc}, results as JSON, and the client side of WebSocket:
 * used by the comparisons and by the torture table.
 */
@NullMarked
package dev.jev.benchmarks.shared;

import org.jspecify.annotations.NullMarked;
