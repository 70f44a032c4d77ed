package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Headless Chromium with an empty profile of its own, driven through chromedriver (W3C WebDriver).
 *
 * <p>Scripts are function bodies. A script that waits for something returns a promise. A page from
 * another origin, such as the initial empty one, may not connect to this machine.
 */
final class Browser implements AutoCloseable {

  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final Pattern STARTED =
      Pattern.compile(".* started successfully on port (\\d+).*");
  private static final JsonMapper JSON = new JsonMapper();

  private static final List<String> FLAGS =
      List.of(
          "--headless",
          "--no-sandbox", // the sandbox does not work as root
          "--disable-dev-shm-usage",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          "--ignore-certificate-errors");

  private final HttpClient http = HttpClient.newHttpClient();
  private final Program driver;
  private final URI session;

  private Browser(Program driver, int port, Path profile) throws Exception {
    this.driver = driver;
    URI sessions = URI.create("http://127.0.0.1:" + port + "/session");
    List<String> flags = new ArrayList<>(FLAGS);
    flags.add("--user-data-dir=" + profile);
    JsonNode made =
        post(
            sessions,
            Map.of(
                "capabilities",
                Map.of(
                    "alwaysMatch",
                    Map.of(
                        "goog:chromeOptions",
                        Map.of("args", flags),
                        "goog:loggingPrefs",
                        Map.of("browser", "ALL")))));
    session = URI.create(sessions + "/" + made.get("sessionId").asString());
    post("/timeouts", Map.of("script", TIMEOUT.toMillis(), "pageLoad", TIMEOUT.toMillis()));
  }

  /**
   * Starts a browser.
   *
   * @param profile an empty directory
   */
  static Browser start(Path profile) throws Exception {
    Program.require("chromium");
    Program driver = Program.start("chromedriver", "--port=0");
    try {
      Matcher started = STARTED.matcher(driver.line());
      while (!started.matches()) {
        started = STARTED.matcher(driver.line());
      }
      return new Browser(driver, Integer.parseInt(started.group(1)), profile);
    } catch (Throwable e) {
      driver.close();
      throw e;
    }
  }

  /** Loads a page into the current window. */
  Browser opens(String url) throws Exception {
    post("/url", Map.of("url", url));
    return this;
  }

  /** Opens another window and switches to it; returns a handle for {@link #goesTo}. */
  String opensWindow() throws Exception {
    String handle = post("/window/new", Map.of("type", "window")).get("handle").asString();
    goesTo(handle);
    return handle;
  }

  /** Returns the handle of the current window. */
  String window() throws Exception {
    return get("/window").asString();
  }

  /** Closes the current window and switches to another one. */
  Browser closesWindow(String next) throws Exception {
    value(HttpRequest.newBuilder(URI.create(session + "/window")).DELETE());
    return goesTo(next);
  }

  Browser goesTo(String window) throws Exception {
    post("/window", Map.of("handle", window));
    return this;
  }

  Browser resizes(int width, int height) throws Exception {
    post("/window/rect", Map.of("width", width, "height", height));
    return this;
  }

  /** Runs a script and returns its result. */
  JsonNode runs(String script, Object... arguments) throws Exception {
    return post("/execute/sync", Map.of("script", script, "args", List.of(arguments)));
  }

  /** Waits until an expression is true. */
  Browser awaits(String condition) throws Exception {
    runs(
        "return new Promise(done => { const poll = () =>"
            + " (CONDITION) ? done() : setTimeout(poll, 20); poll(); })"
                .replace("CONDITION", condition));
    return this;
  }

  /** Executes a command of the Chrome DevTools Protocol. */
  Browser commands(String command, Map<String, ?> parameters) throws Exception {
    post("/goog/cdp/execute", Map.of("cmd", command, "params", parameters));
    return this;
  }

  /** Saves a screenshot as PNG. */
  Browser photographs(Path file) throws Exception {
    Files.write(file, Base64.getDecoder().decode(get("/screenshot").asString()));
    return this;
  }

  /** Returns the console's lines since the last call: level and text of each. */
  List<String> console() throws Exception {
    List<String> lines = new ArrayList<>();
    for (JsonNode line : post("/se/log", Map.of("type", "browser"))) {
      lines.add(line.get("level").asString() + " " + line.get("message").asString());
    }
    return lines;
  }

  @Override
  public void close() throws IOException {
    try {
      value(HttpRequest.newBuilder(session).DELETE());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      driver.terminate().close();
    }
  }

  private JsonNode get(String command) throws Exception {
    return value(HttpRequest.newBuilder(URI.create(session + command)));
  }

  private JsonNode post(String command, Map<String, ?> body) throws Exception {
    return post(URI.create(session + command), body);
  }

  private JsonNode post(URI uri, Map<String, ?> body) throws Exception {
    String json = JSON.writeValueAsString(body);
    return value(HttpRequest.newBuilder(uri).POST(BodyPublishers.ofString(json, UTF_8)));
  }

  private JsonNode value(HttpRequest.Builder request) throws IOException, InterruptedException {
    HttpResponse<String> response =
        http.send(request.timeout(TIMEOUT.multipliedBy(2)).build(), BodyHandlers.ofString());
    assertThat(response.statusCode()).as("%s", response.body()).isEqualTo(200);
    return JSON.readTree(response.body()).get("value");
  }
}
