package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HttpIT {

  private static final String HEAD =
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n";
  private static final String HELLO = HEAD + "\r\nHello, World!";

  private Program server;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("http", "--port", "0");
  }

  @AfterAll
  void stop() throws Exception {
    try (Program server = this.server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  private static String request(String line, String... headers) {
    String lines = headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n";
    return line + "\r\nHost: localhost\r\n" + lines + "\r\n";
  }

  /** Returns the status line of a reply after which the server closes the connection. */
  private String refusal(String request) throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      String answer = client.sends(request).receivesAll();
      assertThat(answer).contains("connection: close\r\n");
      return answer.substring(0, answer.indexOf("\r\n"));
    }
  }

  private String answer(String request) throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      return client.sends(request).endsOutput().receivesAll();
    }
  }

  @Test
  void everyPathIsGreetedOverOneConnection() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      for (String target : List.of("/", "/any/path?q=1", "http://localhost/")) {
        client.sends(request("GET " + target + " HTTP/1.1"));
        assertThat(client.receives(HELLO.length())).isEqualTo(HELLO);
      }
    }
  }

  @Test
  void pipelinedRequestsAreAnsweredInOrder() throws Exception {
    String get = request("GET / HTTP/1.1");
    String head = request("HEAD / HTTP/1.1");
    assertThat(answer(get.repeat(100) + head + get))
        .isEqualTo(HELLO.repeat(100) + HEAD + "\r\n" + HELLO);
  }

  @Test
  void otherMethodsAndTargetsAreToldSoAndTheConnectionIsKept() throws Exception {
    String answer =
        answer(
            request("POST / HTTP/1.1", "Content-Length: 5")
                + "hello"
                + request("OPTIONS * HTTP/1.1")
                + request("GET * HTTP/1.1")
                + request("GET / HTTP/1.1"));
    assertThat(answer.lines().filter(line -> line.startsWith("HTTP/1.1")))
        .containsExactly(
            "HTTP/1.1 405 Method Not Allowed",
            "HTTP/1.1 405 Method Not Allowed",
            "HTTP/1.1 404 Not Found",
            "HTTP/1.1 200 OK");
    assertThat(answer).contains("allow: GET, HEAD\r\n").endsWith(HELLO);
  }

  @Test
  void connectionIsKeptOrClosedAsTheRequestSays() throws Exception {
    String closing = HEAD + "connection: close\r\n\r\nHello, World!";
    String keeping = HEAD + "connection: keep-alive\r\n\r\nHello, World!";
    try (RawClient client = new RawClient(server.port())) {
      client.sends(request("GET / HTTP/1.1", "Connection: close") + request("GET / HTTP/1.1"));
      assertThat(client.receivesAll()).isEqualTo(closing);
    }
    try (RawClient client = new RawClient(server.port())) {
      client.sends("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
      assertThat(client.receivesAll()).isEqualTo(keeping + closing);
    }
  }

  @Test
  void continueIsSentBeforeTheAnswer() throws Exception {
    String post = request("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5");
    assertThat(answer(post)).startsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 405 ");
  }

  @ParameterizedTest
  @CsvSource({
    "GET / HTTP/2.0, X: y, 505 HTTP Version Not Supported",
    "GET / HTTP/1.1, no header, 400 Bad Request",
    "GET / HTTP/1.1, Host: other, 400 Bad Request",
    "nonsense, X: y, 400 Bad Request",
    "POST / HTTP/1.1, Content-Length: -1, 400 Bad Request",
    "POST / HTTP/1.1, Content-Length: 65537, 413 Request Entity Too Large",
    "POST / HTTP/1.1, Transfer-Encoding: chunked, 411 Length Required",
    "GET / HTTP/1.1, Expect: miracles, 417 Expectation Failed"
  })
  void whatCannotBeTrustedIsRefusedAndClosesTheConnection(String line, String header, String status)
      throws Exception {
    assertThat(refusal(request(line, header))).isEqualTo("HTTP/1.1 " + status);
  }

  @Test
  void noRequestIsSmuggledBehindABodyOfTwoLengths() throws Exception {
    String smuggled = "0\r\n\r\n" + request("GET /smuggled HTTP/1.1");
    String post = request("POST / HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked");
    assertThat(refusal(post + smuggled)).isEqualTo("HTTP/1.1 400 Bad Request");
    String twice = request("POST / HTTP/1.1", "Content-Length: 5", "Content-Length: 6");
    assertThat(refusal(twice + smuggled)).isEqualTo("HTTP/1.1 400 Bad Request");
  }

  @Test
  void hostIsRequired() throws Exception {
    assertThat(refusal("GET / HTTP/1.1\r\n\r\n")).isEqualTo("HTTP/1.1 400 Bad Request");
  }

  @Test
  void longLinesAreRefused() throws Exception {
    String tooLong = "x".repeat(10_000);
    assertThat(refusal("GET /" + tooLong + " HTTP/1.1\r\n\r\n"))
        .isEqualTo("HTTP/1.1 414 Request-URI Too Long");
    assertThat(refusal(request("GET / HTTP/1.1", "X: " + tooLong)))
        .isEqualTo("HTTP/1.1 431 Request Header Fields Too Large");
  }

  @Test
  void requestsBeforeAMalformedOneAreAnswered() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      String answer = client.sends(request("GET / HTTP/1.1") + "nonsense\r\n\r\n").receivesAll();
      assertThat(answer).startsWith(HELLO + "HTTP/1.1 400 Bad Request\r\n");
    }
  }

  @Test
  @CallsPrograms
  void curlGetsTheGreetingTheHeadersAndTheRefusals(@TempDir Path directory) throws Exception {
    Path large = Files.write(directory.resolve("large"), new byte[100_000]);
    assertThat(curl("http", "/", "/two")).containsExactly("Hello, World!Hello, World!");
    assertThat(curl("http", "--head", "/")).contains("content-length: 13", "");
    String status = "%{http_code} ";
    assertThat(curl("http", "-o/dev/null", "-w" + status, "-XDELETE", "/")).containsExactly("405 ");
    assertThat(curl("http", "-o/dev/null", "-w" + status, "--data-binary", "@" + large, "/"))
        .containsExactly("413 ");
    assertThat(curl("http", "-o/dev/null", "-w" + status, "--request-target", "*", "/"))
        .containsExactly("404 ");
  }

  @Test
  @CallsPrograms
  void curlGetsTheGreetingEncrypted() throws Exception {
    try (Program tls = Sample.server("http", "--port", "0", "--tls")) {
      assertThat(curl(tls, "https", "-k", "/")).containsExactly("Hello, World!");
      assertThat(tls.terminate().exitStatus()).isZero();
      assertThat(tls.errors()).last().isEqualTo("INFO: TLS runs on BoringSSL");
    }
  }

  @Test
  @CallsPrograms
  void wrkFindsNoFault() throws Exception {
    String url = "http://127.0.0.1:" + server.port() + "/";
    try (Program wrk = Program.start("wrk", "-t1", "-c20", "-d2s", url)) {
      assertThat(wrk.exitStatus()).isZero();
      assertThat(wrk.output())
          .anyMatch(line -> line.matches("\\s*[1-9]\\d* requests in .*"))
          .noneMatch(line -> line.contains("Non-2xx") || line.contains("Socket errors"));
    }
  }

  private List<String> curl(String scheme, String... arguments) throws Exception {
    return curl(server, scheme, arguments);
  }

  /** Runs curl. Arguments that begin with a slash are paths on the server. */
  private static List<String> curl(Program server, String scheme, String... arguments)
      throws Exception {
    List<String> command = new ArrayList<>(List.of("curl", "-sS", "--max-time", "30"));
    for (String argument : arguments) {
      boolean path = argument.startsWith("/");
      command.add(path ? scheme + "://127.0.0.1:" + server.port() + argument : argument);
    }
    try (Program curl = Program.start(command.toArray(String[]::new))) {
      assertThat(curl.exitStatus()).as("%s: %s", command, curl.errors()).isZero();
      return curl.output();
    }
  }
}
