/**
 * One runnable program per idea, all in one jar.
 *
 * <p>Start with {@link dev.jev.samples.Echo}, which is a whole server; {@link
 * dev.jev.samples.options.ServerOptions} is what all servers here have in common.
 */
@NullMarked
package dev.jev.samples;

import org.jspecify.annotations.NullMarked;
