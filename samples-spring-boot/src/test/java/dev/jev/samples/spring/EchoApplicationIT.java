package dev.jev.samples.spring;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the executable jar, as a user would. */
@Timeout(180)
class EchoApplicationIT {

  private static final Pattern WEB = Pattern.compile(".*Tomcat started on port (\\d+) .*");
  private static final Pattern ECHO =
      Pattern.compile(".*server echo listens on \\[/127\\.0\\.0\\.1:(\\d+)\\].*");
  private static final Pattern FAILED = Pattern.compile("APPLICATION FAILED TO START");

  private static Program start(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add("-XX:TieredStopAtLevel=1"); // starts sooner
    command.add("-jar");
    command.add(System.getProperty("samples.jar", "target/samples-spring-boot.jar"));
    command.addAll(List.of(arguments));
    return Program.java(command.toArray(String[]::new));
  }

  /** Returns the port in the next line of the log that matches. */
  private static int port(Program program, Pattern pattern) throws Exception {
    return Integer.parseInt(line(program, pattern).group(1));
  }

  private static Matcher line(Program program, Pattern pattern) throws Exception {
    while (true) {
      Matcher line = pattern.matcher(program.line());
      if (line.matches()) {
        return line;
      }
    }
  }

  private static String get(int port, String path) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build();
    return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
  }

  @Test
  void echoServerRunsBesideTheWebServer() throws Exception {
    try (Program program = start("--server.port=0", "--jev.server.echo.listen=tcp://127.0.0.1:0")) {
      int web = port(program, WEB);
      int echo = port(program, ECHO);
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), echo)) {
        socket.setSoTimeout(60_000);
        socket.getOutputStream().write("hello".getBytes(StandardCharsets.UTF_8));
        assertThat(socket.getInputStream().readNBytes(5)).asString().isEqualTo("hello");
        assertThat(get(web, "/actuator/health"))
            .contains("\"echo\":\"running\"")
            .contains("\"status\":\"UP\"");
        assertThat(get(web, "/actuator/jev"))
            .contains("\"addresses\":[\"/127.0.0.1:" + echo + "\"]")
            .contains("\"connections\":1");
        assertThat(get(web, "/actuator/prometheus"))
            .contains(
                "jev_messages_received_total{listener=\"tcp://127.0.0.1:0\",server=\"echo\"} 1.0");
        program.terminate();
        assertThat(socket.getInputStream().read()).isEqualTo(-1);
      }
      assertThat(program.exitStatus()).isEqualTo(143); // SIGTERM
    }
  }

  @Test
  void addressInUseIsExplained() throws Exception {
    try (Program first = start("--server.port=0", "--jev.server.echo.listen=tcp://127.0.0.1:0")) {
      String address = "tcp://127.0.0.1:" + port(first, ECHO);
      try (Program second = start("--server.port=0", "--jev.server.echo.listen=" + address)) {
        line(second, FAILED);
        line(second, Pattern.compile("The server echo cannot start: cannot listen on .*"));
        assertThat(second.exitStatus()).isEqualTo(1);
      }
    }
  }
}
