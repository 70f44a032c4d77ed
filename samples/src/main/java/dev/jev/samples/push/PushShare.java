package dev.jev.samples.push;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.HttpResponse;
import io.nayuki.qrcodegen.QrCode;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import org.jspecify.annotations.Nullable;

/** The address of the page for other devices, and its QR code. */
final class PushShare {

  /** The path of the code. */
  static final String PATH = "/share.svg";

  private static final int QUIET_ZONE = 4; // ISO/IEC 18004, 9.1

  private PushShare() {}

  /** Returns the page's URL for other devices; null if the machine is in no network. */
  static @Nullable String url(int port) {
    try {
      return NetworkInterface.networkInterfaces()
          .filter(PushShare::isUp)
          .flatMap(NetworkInterface::inetAddresses)
          .filter(address -> !address.isLoopbackAddress() && !address.isLinkLocalAddress())
          .min((one, other) -> Integer.compare(rank(one), rank(other)))
          .map(address -> "http://" + host(address) + ":" + port + "/")
          .orElse(null);
    } catch (SocketException e) {
      return null;
    }
  }

  private static boolean isUp(NetworkInterface network) {
    try {
      return network.isUp() && !network.isLoopback();
    } catch (SocketException e) {
      return false;
    }
  }

  /** Ranks the addresses of home networks first: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16. */
  private static int rank(InetAddress address) {
    return address.isSiteLocalAddress() ? 0 : address.getAddress().length;
  }

  private static String host(InetAddress address) {
    return ServerOptions.bracketed(address.getHostAddress());
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
