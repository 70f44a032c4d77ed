/**
 * Sample programs, one per idea, all in one jar.
 *
 * <p>Start with {@link dev.jev.samples.Echo}, a complete server. The class of a program has the
 * program's name: {@code ws-echo} is {@link dev.jev.samples.WsEcho}. Larger programs have a package
 * of their own. {@link dev.jev.samples.options.ServerOptions} has the options that all servers
 * share, and {@link dev.jev.samples.Samples} is the entry point.
 */
@NullMarked
package dev.jev.samples;

import org.jspecify.annotations.NullMarked;
