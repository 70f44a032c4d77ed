/** A small Redis in memory. */
@NullMarked
package dev.jev.samples.redis;

import org.jspecify.annotations.NullMarked;
