/** The program {@code http}: HTTP/1.1 with Netty's codec. */
@NullMarked
package dev.jev.samples.http;

import org.jspecify.annotations.NullMarked;
