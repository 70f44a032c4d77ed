/**
 * The program {@code push}: a web page with live data over WebSocket.
 *
 * <p>{@link dev.jev.samples.push.Push} is the server. The page sends it a {@code PushRequest} and
 * receives a {@code PushEvent}, both as JSON. The drawing is a topic of {@link dev.jev.nodes},
 * which the page reads by position. The page itself is among the resources, in {@code push}.
 */
@NullMarked
package dev.jev.samples.push;

import org.jspecify.annotations.NullMarked;
