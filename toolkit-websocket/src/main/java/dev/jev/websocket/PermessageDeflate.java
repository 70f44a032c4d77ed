package dev.jev.websocket;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The negotiated parameters of permessage-deflate (RFC 7692, 7.1).
 *
 * @param options the options of this side
 * @param ownTakeover true if this side's messages may refer to earlier ones (context takeover)
 * @param ownWindowBits the window bits of this side's messages, or {@link #UNSPECIFIED}
 * @param peerTakeover true if the peer's messages may refer to earlier ones
 * @param peerWindowBits the window bits of the peer's messages, or {@link #UNSPECIFIED}
 */
record PermessageDeflate(
    WebSocketCompression options,
    boolean ownTakeover,
    int ownWindowBits,
    boolean peerTakeover,
    int peerWindowBits) {

  static final String HEADER = "Sec-WebSocket-Extensions";

  /** Window bits that were not negotiated, which means the largest window. */
  static final int UNSPECIFIED = 0;

  private static final int MAX_WINDOW_BITS = 15;

  private static final String NAME = "permessage-deflate";
  private static final String SERVER_NO_TAKEOVER = "server_no_context_takeover";
  private static final String CLIENT_NO_TAKEOVER = "client_no_context_takeover";
  private static final String SERVER_WINDOW = "server_max_window_bits";
  private static final String CLIENT_WINDOW = "client_max_window_bits";

  /** The parameters of an offer or a response. */
  private record Parameters(
      boolean serverNoTakeover, boolean clientNoTakeover, int serverWindow, int clientWindow) {

    /** Parses parameters; returns null if one is unknown, a duplicate or has a wrong value. */
    static @Nullable Parameters of(ExtensionOffer extension, boolean isOffer) {
      if (!extension.name().equals(NAME)) {
        return null;
      }
      Set<String> names = new HashSet<>();
      int serverWindow = UNSPECIFIED;
      int clientWindow = UNSPECIFIED;
      for (ExtensionOffer.Parameter parameter : extension.parameters()) {
        String name = parameter.name();
        String value = parameter.value();
        boolean valid =
            switch (name) {
              case SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER -> value == null;
              case SERVER_WINDOW -> isWindow(value);
              // RFC 7692, 7.1.2.2: an offer without a value says that the parameter is supported.
              case CLIENT_WINDOW -> isWindow(value) || (isOffer && value == null);
              default -> false;
            };
        if (!valid || !names.add(name)) {
          return null;
        }
        serverWindow = name.equals(SERVER_WINDOW) ? bits(value) : serverWindow;
        clientWindow = name.equals(CLIENT_WINDOW) ? bits(value) : clientWindow;
      }
      return new Parameters(
          names.contains(SERVER_NO_TAKEOVER),
          names.contains(CLIENT_NO_TAKEOVER),
          serverWindow,
          clientWindow);
    }

    /** Returns whether a value is in 8..15, without a leading zero (RFC 7692, 7.1.2). */
    private static boolean isWindow(@Nullable String value) {
      return value != null && value.matches("[89]|1[0-5]");
    }

    private static int bits(@Nullable String value) {
      return value == null ? UNSPECIFIED : Integer.parseInt(value);
    }
  }

  /** Returns the window of this side's messages, in bytes. */
  int ownWindow() {
    return window(ownWindowBits);
  }

  /** Returns the window of the peer's messages, in bytes. */
  int peerWindow() {
    return window(peerWindowBits);
  }

  private static int window(int bits) {
    return 1 << (bits == UNSPECIFIED ? MAX_WINDOW_BITS : bits);
  }

  // Server.

  /** Accepts the first acceptable offer; returns null if there is none. */
  static @Nullable PermessageDeflate accept(
      WebSocketCompression options, List<ExtensionOffer> offers) {
    for (ExtensionOffer offer : offers) {
      Parameters offered = Parameters.of(offer, /* isOffer= */ true);
      if (offered != null) {
        boolean takeover = options.hasContextTakeover();
        return new PermessageDeflate(
            options,
            takeover && !offered.serverNoTakeover,
            offered.serverWindow,
            takeover && !offered.clientNoTakeover,
            offered.clientWindow);
      }
    }
    return null;
  }

  /** Returns the server's response. It has window bits only if the client has specified them. */
  String answer() {
    return NAME
        + (ownTakeover ? "" : "; " + SERVER_NO_TAKEOVER)
        + (peerTakeover ? "" : "; " + CLIENT_NO_TAKEOVER)
        + (ownWindowBits == UNSPECIFIED ? "" : "; " + SERVER_WINDOW + "=" + ownWindowBits)
        + (peerWindowBits == UNSPECIFIED ? "" : "; " + CLIENT_WINDOW + "=" + peerWindowBits);
  }

  // Client.

  /**
   * Returns the client's offers. If the options have no context takeover, the first offer excludes
   * it for both sides, and the second one lets the server use it.
   */
  static String offer(WebSocketCompression options) {
    String any = NAME + "; " + CLIENT_WINDOW;
    return options.hasContextTakeover()
        ? any
        : any + "; " + CLIENT_NO_TAKEOVER + "; " + SERVER_NO_TAKEOVER + ", " + any;
  }

  /** Returns the parameters in the response to an {@link #offer}, or null if it is invalid. */
  static @Nullable PermessageDeflate agreed(WebSocketCompression options, ExtensionOffer response) {
    Parameters answered = Parameters.of(response, /* isOffer= */ false);
    return answered == null
        ? null
        : new PermessageDeflate(
            options,
            options.hasContextTakeover() && !answered.clientNoTakeover,
            answered.clientWindow,
            !answered.serverNoTakeover,
            answered.serverWindow);
  }
}
