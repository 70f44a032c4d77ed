package dev.jev.websocket;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What both sides have agreed on about compression (RFC 7692, 7.1).
 *
 * @param options what this side was told
 * @param ownTakeover whether what we send may refer to earlier messages
 * @param ownWindowBits how far back it may refer, or {@link #UNSAID}
 * @param peerTakeover whether what the peer sends may
 * @param peerWindowBits how far back that may, or {@link #UNSAID}
 */
record PermessageDeflate(
    WebSocketCompression options,
    boolean ownTakeover,
    int ownWindowBits,
    boolean peerTakeover,
    int peerWindowBits) {

  static final String HEADER = "Sec-WebSocket-Extensions";

  /** The size of a window of which nothing was said, which is the largest one. */
  static final int UNSAID = 0;

  private static final int MAX_WINDOW_BITS = 15;

  private static final String NAME = "permessage-deflate";
  private static final String SERVER_NO_TAKEOVER = "server_no_context_takeover";
  private static final String CLIENT_NO_TAKEOVER = "client_no_context_takeover";
  private static final String SERVER_WINDOW = "server_max_window_bits";
  private static final String CLIENT_WINDOW = "client_max_window_bits";

  /** What an offer or an answer says. */
  private record Said(
      boolean serverNoTakeover, boolean clientNoTakeover, int serverWindow, int clientWindow) {

    /** Reads the parameters; null if one is unknown, stands there twice or has a wrong value. */
    static @Nullable Said of(ExtensionOffer extension, boolean isOffer) {
      if (!extension.name().equals(NAME)) {
        return null;
      }
      Set<String> names = new HashSet<>();
      int serverWindow = UNSAID;
      int clientWindow = UNSAID;
      for (ExtensionOffer.Parameter parameter : extension.parameters()) {
        String name = parameter.name();
        String value = parameter.value();
        boolean valid =
            switch (name) {
              case SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER -> value == null;
              case SERVER_WINDOW -> isWindow(value);
              // A client may say just that it would obey.
              case CLIENT_WINDOW -> isWindow(value) || (isOffer && value == null);
              default -> false;
            };
        if (!valid || !names.add(name)) {
          return null;
        }
        serverWindow = name.equals(SERVER_WINDOW) ? bits(value) : serverWindow;
        clientWindow = name.equals(CLIENT_WINDOW) ? bits(value) : clientWindow;
      }
      return new Said(
          names.contains(SERVER_NO_TAKEOVER),
          names.contains(CLIENT_NO_TAKEOVER),
          serverWindow,
          clientWindow);
    }

    /** RFC 7692, 7.1.2: 8 to 15, without a leading zero. */
    private static boolean isWindow(@Nullable String value) {
      return value != null && value.matches("[89]|1[0-5]");
    }

    private static int bits(@Nullable String value) {
      return value == null ? UNSAID : Integer.parseInt(value);
    }
  }

  /** How many bytes what we send may refer back. */
  int ownWindow() {
    return window(ownWindowBits);
  }

  /** How many bytes what the peer sends may refer back. */
  int peerWindow() {
    return window(peerWindowBits);
  }

  private static int window(int bits) {
    return 1 << (bits == UNSAID ? MAX_WINDOW_BITS : bits);
  }

  // A server.

  /** Accepts the first offer that it can; null if there is none. */
  static @Nullable PermessageDeflate accept(
      WebSocketCompression options, List<ExtensionOffer> offers) {
    for (ExtensionOffer offer : offers) {
      Said said = Said.of(offer, /* isOffer= */ true);
      if (said != null) {
        boolean takeover = options.hasContextTakeover();
        return new PermessageDeflate(
            options,
            takeover && !said.serverNoTakeover,
            said.serverWindow,
            takeover && !said.clientNoTakeover,
            said.clientWindow);
      }
    }
    return null;
  }

  /** What a server answers: a window only if the client has named its size. */
  String answer() {
    return NAME
        + (ownTakeover ? "" : "; " + SERVER_NO_TAKEOVER)
        + (peerTakeover ? "" : "; " + CLIENT_NO_TAKEOVER)
        + (ownWindowBits == UNSAID ? "" : "; " + SERVER_WINDOW + "=" + ownWindowBits)
        + (peerWindowBits == UNSAID ? "" : "; " + CLIENT_WINDOW + "=" + peerWindowBits);
  }

  // A client.

  /** What a client offers: to do without takeover on both sides, or else on its own. */
  static String offer(WebSocketCompression options) {
    String any = NAME + "; " + CLIENT_WINDOW;
    return options.hasContextTakeover()
        ? any
        : any + "; " + CLIENT_NO_TAKEOVER + "; " + SERVER_NO_TAKEOVER + ", " + any;
  }

  /** Understands the answer to an {@link #offer}; null if it makes no sense. */
  static @Nullable PermessageDeflate agreed(WebSocketCompression options, ExtensionOffer answer) {
    Said said = Said.of(answer, /* isOffer= */ false);
    return said == null
        ? null
        : new PermessageDeflate(
            options,
            options.hasContextTakeover() && !said.clientNoTakeover,
            said.clientWindow,
            !said.serverNoTakeover,
            said.serverWindow);
  }
}
