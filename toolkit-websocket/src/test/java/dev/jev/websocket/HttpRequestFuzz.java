package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;

/** Plain HTTP requests, with responders that read every part of them. */
@Timeout(60)
class HttpRequestFuzz {

  private static final String LENGTH = "\r\nContent-Length: ";

  private static final FuzzedWebSocket SERVER =
      new FuzzedWebSocket(
          WebSocketProtocol.server()
              .path("/ws")
              .http(
                  HttpResponder.at("/health", () -> HttpResponse.of(200).text("ok"))
                      .or(HttpRequestFuzz::echo)
                      .or(pages()))
              .withoutHeartbeat()
              .maxMessageBytes(FuzzedWebSocket.MAX_MESSAGE_BYTES)
              .build());

  @FuzzTest
  void requestsAreAnsweredCompletelyHoweverTheyAreCut(byte[] input) {
    SERVER.understands(input).events().stream()
        .filter(event -> event.startsWith("http "))
        .forEach(HttpRequestFuzz::checkResponse);
  }

  private static void checkResponse(String response) {
    int body = response.indexOf("\r\n\r\n") + 4;
    assertThat(body).as(response).isGreaterThan(4);
    assertThat(response).doesNotStartWith("http HTTP/1.1 500");
    int length = response.indexOf(LENGTH) + LENGTH.length();
    if (length < body && body < response.length()) { // none is sent for HEAD
      String bytes = response.substring(length, response.indexOf('\r', length));
      assertThat(response.length() - body).as(response).isEqualTo(Integer.parseInt(bytes));
    }
  }

  /** Answers with all that a request says. */
  private static @Nullable HttpResponse echo(HttpRequest request) {
    if (!request.path().startsWith("/echo")) {
      return null;
    }
    List<Object> parts =
        List.of(
            request,
            request.target(),
            String.valueOf(request.query()),
            String.valueOf(request.parameter("a")),
            String.valueOf(request.host()),
            String.valueOf(request.cookie("c")),
            request.subprotocols(),
            request.headers());
    return HttpResponse.of(200).text(parts.toString());
  }

  /** Returns a responder that looks at one directory only, which is faster than the class path. */
  private static HttpResponder pages() {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    URL classes = HttpRequestFuzz.class.getProtectionDomain().getCodeSource().getLocation();
    thread.setContextClassLoader(new URLClassLoader(new URL[] {classes}, /* parent= */ null));
    try {
      return HttpResponder.classPath("pages");
    } finally {
      thread.setContextClassLoader(before);
    }
  }
}
