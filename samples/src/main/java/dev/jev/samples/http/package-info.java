/** HTTP/1.1 on Netty's codec. */
@NullMarked
package dev.jev.samples.http;

import org.jspecify.annotations.NullMarked;
