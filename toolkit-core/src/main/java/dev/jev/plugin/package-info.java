/**
 * The plugins that come with the toolkit, installed with {@code Server.builder(...).plugin(...)}.
 *
 * <p>They use only the public types of {@link dev.jev}: a plugin of your own has the same API.
 */
@NullMarked
package dev.jev.plugin;

import org.jspecify.annotations.NullMarked;
