/** What all servers here have in common: their options, and a certificate for TLS. */
@NullMarked
package dev.jev.samples.options;

import org.jspecify.annotations.NullMarked;
