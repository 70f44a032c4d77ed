package dev.jev.samples.push;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.websocket.HttpResponse;
import io.nayuki.qrcodegen.QrCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/** The address of the page for other devices, and its QR code. */
final class PushShare {

  /** The path of the code. */
  static final String PATH = "/share.svg";

  private static final int QUIET_ZONE = 4; // ISO/IEC 18004, 9.1

  private static final String ELSEWHERE = "198.51.100.1"; // RFC 5737: of no network

  private PushShare() {}

  /** Returns the page's URL for other devices; null if the machine is in no network. */
  static @Nullable String url(int port) {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(new InetSocketAddress(ELSEWHERE, 9)); // chooses an address, and sends nothing
      InetAddress own = socket.getLocalAddress();
      return own.isLoopbackAddress() || own.isAnyLocalAddress()
          ? null
          : "http://" + own.getHostAddress() + ":" + port + "/";
    } catch (IOException | UncheckedIOException e) {
      return null;
    }
  }

  /** Returns the code of a URL, as SVG. */
  static HttpResponse code(String url) {
    QrCode code = QrCode.encodeText(url, QrCode.Ecc.MEDIUM);
    int size = code.size + 2 * QUIET_ZONE;
    StringBuilder path = new StringBuilder();
    for (int y = 0; y < code.size; y++) {
      for (int x = 0; x < code.size; x++) {
        if (code.getModule(x, y)) {
          path.append("M%d,%dh1v1h-1z".formatted(x + QUIET_ZONE, y + QUIET_ZONE));
        }
      }
    }
    String svg =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %1$d %1$d\"><title>%2$s</title>"
            + "<rect width=\"%1$d\" height=\"%1$d\" fill=\"#fff\"/><path d=\"%3$s\"/></svg>";
    return HttpResponse.of(200)
        .body("image/svg+xml", svg.formatted(size, url, path).getBytes(UTF_8));
  }
}
