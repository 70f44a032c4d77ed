package dev.jev.websocket;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The opening handshake request of a {@link WebSocketClientBuilder}, the same for all its
 * connections except for the key.
 *
 * @param target the path and query
 * @param host the value of the {@code Host} header
 * @param secure true if the URI has the scheme wss, which requires TLS
 * @param fields the header lines beyond those that every handshake has
 * @param subprotocols the subprotocols offered, in order of preference
 * @param compression the compression options, or null if compression is not offered
 */
record ClientRequest(
    String target,
    String host,
    boolean secure,
    HttpFields fields,
    List<String> subprotocols,
    @Nullable WebSocketCompression compression) {}
