/**
 * The command-line options that all server programs share, and the self-signed certificate of
 * {@code --tls}.
 */
@NullMarked
package dev.jev.samples.options;

import org.jspecify.annotations.NullMarked;
