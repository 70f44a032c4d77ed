/**
 * The plugins that come with the toolkit, given to {@code Server.builder(...).plugin(...)}.
 *
 * <p>They are written against the public types of {@link dev.jev} alone: whatever they do, a plugin
 * of a user's can do as well.
 */
@NullMarked
package dev.jev.plugin;

import org.jspecify.annotations.NullMarked;
