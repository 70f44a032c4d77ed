/** A web page on which everything is live. */
@NullMarked
package dev.jev.samples.push;

import org.jspecify.annotations.NullMarked;
