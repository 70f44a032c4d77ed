package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Eventually;
import dev.jev.Program;
import dev.jev.samples.push.PriceServerTest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The page of the sample `push` in Chromium. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@CallsPrograms
class PushPageIT {

  private Program server;
  private Browser browser;

  @BeforeAll
  void start(@TempDir Path profile) throws Exception {
    browser = Browser.start(profile); // or skips the tests
    server = Sample.server("push", "--port", "0", "--period-ms", "200");
  }

  @AfterAll
  void stop() throws Exception {
    if (browser != null) {
      browser.close();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).noneMatch(line -> line.contains("LEAK"));
    }
  }

  @BeforeEach
  void open() throws Exception {
    browser.opens("http://127.0.0.1:" + server.port() + "/").awaits(isLive());
    browser.console();
  }

  private static String isLive() {
    return "document.getElementById('state').dataset.state === 'live'"
        + " && document.querySelector('#people li')";
  }

  private static String shows(String id, String expression) {
    return "(n => EXPRESSION)(Number(document.getElementById('ID').textContent.replace(',', '')))"
        .replace("ID", id)
        .replace("EXPRESSION", expression);
  }

  private String text(String id) throws Exception {
    return browser.runs("return document.getElementById(arguments[0]).textContent", id).asString();
  }

  private void clicks(String id) throws Exception {
    browser.awaits("!document.getElementById('" + id + "').disabled");
    browser.runs("document.getElementById(arguments[0]).click()", id);
  }

  /** Sends a pointer event at a position given in fractions of the board's size. */
  private void points(String type, double x, double y, boolean pressed) throws Exception {
    var box =
        browser.runs(
            "const board = document.getElementById('drawing'); board.scrollIntoView({block:"
                + " 'center'}); const box = board.getBoundingClientRect(); return [box.left +"
                + " arguments[0] * box.width, box.top + arguments[1] * box.height]",
            x,
            y);
    browser.commands(
        "Input.dispatchMouseEvent",
        Map.of(
            "type",
            type,
            "x",
            box.get(0).asDouble(),
            "y",
            box.get(1).asDouble(),
            "button",
            pressed ? "left" : "none",
            "buttons",
            pressed ? 1 : 0,
            "clickCount",
            pressed ? 1 : 0));
  }

  /** Draws a line from one side to the other. */
  private void drawsLine(double y) throws Exception {
    points("mousePressed", 0.2, y, /* pressed= */ true);
    points("mouseMoved", 0.5, 1 - y, /* pressed= */ true);
    points("mouseMoved", 0.8, y, /* pressed= */ true);
    points("mouseReleased", 0.8, y, /* pressed= */ false);
  }

  private static String hasStrokes(int count) {
    return "document.getElementById('board').dataset.strokes === '" + count + "'";
  }

  private static String hasState(String state) {
    return "document.getElementById('state').dataset.state === '" + state + "'";
  }

  /** Returns what the page would save before a reload: the position in the log, and the strokes. */
  private JsonNode saved() throws Exception {
    String json =
        browser
            .runs(
                "dispatchEvent(new Event('pagehide'));"
                    + " return sessionStorage.getItem('jev.push.drawing')")
            .asString();
    return new JsonMapper().readTree(json);
  }

  /** Waits until so many lines are in the log, as far as the page knows. */
  private JsonNode savedLines(int count) throws Exception {
    int numbers = 6; // of each line
    Eventually.holds(
        count + " lines",
        () -> {
          JsonNode strokes = saved().get("strokes");
          return strokes.size() == count && strokes.path(count - 1).path(2).size() == numbers;
        });
    return saved();
  }

  private void movesSlider(int perSecond) throws Exception {
    browser.runs(
        "const rate = document.getElementById('rate');"
            + " rate.value = arguments[0]; rate.dispatchEvent(new Event('input'))",
        perSecond);
  }

  private void clearsBoard() throws Exception {
    browser.runs(
        "const clear = document.getElementById('clear'); clear.disabled = false; clear.click()");
    browser.awaits(hasStrokes(0));
  }

  private void expectNoErrors() throws Exception {
    assertThat(browser.console()).isEmpty();
  }

  @Test
  void numbersMove() throws Exception {
    browser.awaits(shows("connections", "n >= 1")).awaits(shows("trip", "n > 0"));
    String before = text("pushed-note");
    browser.awaits("document.getElementById('pushed-note').textContent !== '" + before + "'");
    browser.awaits(shows("memory", "n > 0")).awaits(shows("typical", "n > 0"));
    String pixels = "document.getElementById('chart').toDataURL()";
    String chart = browser.runs("return " + pixels).asString();
    browser.awaits(pixels + " !== '" + chart + "'");
    expectNoErrors();
  }

  @Test
  void windowsSeeEachOthersCursorsAndLines() throws Exception {
    String first = browser.window();
    String second = browser.opensWindow();
    open();
    points("mouseMoved", 0.2, 0.2, /* pressed= */ false);
    points("mousePressed", 0.2, 0.2, /* pressed= */ true);
    points("mouseMoved", 0.5, 0.7, /* pressed= */ true);
    points("mouseMoved", 0.8, 0.2, /* pressed= */ true);
    points("mouseReleased", 0.8, 0.2, /* pressed= */ false);
    browser.awaits("document.getElementById('board').dataset.strokes === '1'");
    String drawer =
        browser
            .runs(
                "return [...document.querySelectorAll('#people li')].map(i => i.textContent).find(t"
                    + " => t.endsWith(' (you)')).replace(' (you)', '')")
            .asString();
    browser.goesTo(first).awaits("document.getElementById('board').dataset.strokes === '1'");
    browser.awaits("document.querySelector('.cursor span')?.textContent === '" + drawer + "'");
    expectNoErrors();
    open(); // a later visitor sees the line, too
    browser.awaits("document.getElementById('board').dataset.strokes === '1'");
    clicks("clear");
    browser.goesTo(second).awaits("document.getElementById('board').dataset.strokes === '0'");
    browser.closesWindow(first).awaits("!document.querySelector('.cursor')");
    browser.awaits("document.querySelectorAll('#people li').length === 1");
    expectNoErrors();
  }

  private static String lane(String policy, String condition) {
    return "(lane => CONDITION)(document.getElementById('lane-POLICY').dataset)"
        .replace("POLICY", policy)
        .replace("CONDITION", condition);
  }

  private void reads(int kilobytes) throws Exception {
    browser.runs(
        "const read = document.getElementById('read');"
            + " read.value = arguments[0]; read.dispatchEvent(new Event('input'))",
        kilobytes);
  }

  @Test
  void lanesShowWhatEachPolicyDoesToASlowClient() throws Exception {
    reads(20);
    browser
        .awaits(lane("fast", "lane.age < 250 && lane.waiting < 10000"))
        .awaits(
            lane("drop-oldest", "lane.age > 1500 && lane.waiting < 320000")
                + " && "
                + lane("conflate", "lane.age < 500")
                + " && "
                + lane("unbounded", "lane.age > 1500 && lane.waiting > 320000"));
    browser.awaits(
        "document.querySelector('#lane-drop-oldest [data-show=dropped]').textContent != 0");
    browser.awaits(
        "document.querySelector('#lane-conflate [data-show=replaced]').textContent != 0");
    reads(40);
    browser.awaits(
        lane("conflate", "lane.age < 250") + " && " + lane("drop-oldest", "lane.age > 1000"));
    reads(200);
    browser.awaits(lane("unbounded", "lane.age < 250 && lane.waiting < 10000"));
    expectNoErrors();
  }

  @Test
  void codeIsThatOfTheServer() throws Exception {
    clicks("show-code");
    browser.awaits("document.getElementById('code').open");
    String source = Files.readString(PriceServerTest.SOURCE);
    assertThat(
            browser.runs("return document.getElementById('code-java').dataset.source").asString())
        .isEqualTo(source);
    assertThat(source).endsWith(text("code-java") + "\n");
    expectNoErrors();
  }

  @Test
  void restartBringsThePageAndItsDrawingBack() throws Exception {
    clearsBoard();
    drawsLine(0.4);
    browser.awaits(hasStrokes(1));
    clicks("restart");
    browser.awaits("!document.getElementById('restarted').hidden");
    browser.awaits(hasState("live")).awaits(hasStrokes(1));
    assertThat(text("restarted-note"))
        .matches("\\d+ connections? of \\d+ are back, at most \\d{1,3} % per second.");
    assertThat(text("notice")).isEmpty();
    clearsBoard();
    assertThat(browser.console()).allMatch(line -> line.contains("net::ERR_CONNECTION_REFUSED"));
  }

  @Test
  void unpluggedPageGetsWhatItHasMissed() throws Exception {
    clearsBoard();
    String first = browser.window();
    String second = browser.opensWindow();
    open();
    clicks("unplug");
    browser.awaits(hasState("reconnecting")).goesTo(first);
    drawsLine(0.3);
    browser.awaits(hasStrokes(1)).goesTo(second);
    browser.awaits(hasStrokes(1)).awaits(hasState("live"));
    browser.goesTo(first);
    clearsBoard();
    browser.goesTo(second).awaits(hasStrokes(0));
    expectNoErrors();
    browser.closesWindow(first);
  }

  @Test
  void subscribersAreAddedAndRemoved() throws Exception {
    movesSlider(2); // the leak detector slows each of a thousand deliveries down
    clicks("add");
    browser.awaits(shows("connections", "n >= 1001")).awaits(shows("pushed", "n > 1000"));
    clicks("remove");
    browser.awaits(shows("connections", "n < 10"));
    expectNoErrors();
  }

  @Test
  void sliderChangesTheRateForEverybody() throws Exception {
    String first = browser.window();
    String second = browser.opensWindow();
    open();
    browser.goesTo(first);
    movesSlider(37);
    browser.awaits(shows("equation-rate", "n === 37"));
    browser.goesTo(second).awaits("document.getElementById('rate').value === '37'");
    expectNoErrors();
    browser.closesWindow(first);
  }

  @Test
  void boardGetsExactlyWhatItHasMissed() throws Exception {
    clearsBoard();
    String drawer = browser.window();
    try (Relay relay = Relay.to(server.port())) {
      String address = "http://127.0.0.1:" + relay.port() + "/";
      String reader = browser.opensWindow();
      browser.opens(address).awaits(isLive());
      browser.goesTo(drawer);
      drawsLine(0.1);
      browser.goesTo(reader);
      JsonNode before = savedLines(1);
      browser.runs(
          "const send = WebSocket.prototype.send; WebSocket.prototype.send = function (text) {"
              + " if (text.startsWith('{\"subscribe')) window.asked = JSON.parse(text);"
              + " send.call(this, text); }");

      relay.cut();
      browser.awaits(hasState("reconnecting"));
      assertThat(text("notice")).startsWith("The connection is lost.");
      browser.goesTo(drawer);
      drawsLine(0.2);
      drawsLine(0.3);
      relay.restore();
      browser.goesTo(reader).awaits(hasState("live")).awaits(hasStrokes(3));
      assertThat(text("notice")).isEmpty();
      assertThat(browser.runs("return asked.after.drawing")).isEqualTo(before.get("position"));
      browser.opens(address + "favicon.svg"); // away
      browser.goesTo(drawer);
      drawsLine(0.4);
      JsonNode drawn = savedLines(4);
      browser.goesTo(reader).opens(address).awaits(hasState("live")).awaits(hasStrokes(4));
      assertThat(savedLines(4).get("strokes")).isEqualTo(drawn.get("strokes"));
      browser.console(); // the connections that the relay has cut
      browser.closesWindow(drawer);
    }
    clearsBoard();
  }

  @Test
  void pageComesBackWithANewBoardWhenTheServerDoes() throws Exception {
    drawsLine(0.2);
    browser.awaits("document.getElementById('board').dataset.strokes > 0");
    String port = String.valueOf(server.port());
    assertThat(server.terminate().exitStatus()).isZero();
    browser.awaits(hasState("reconnecting"));
    assertThat(text("state-text")).isEqualTo("Reconnecting…");
    server.close();
    server = Sample.server("push", "--port", port, "--period-ms", "200");
    browser.awaits(hasState("live")).awaits(shows("connections", "n === 1"));
    browser.awaits("document.getElementById('notice').textContent.includes('has restarted')");
    browser.awaits(hasStrokes(0));
    assertThat(browser.console()).allMatch(line -> line.contains("ERR_CONNECTION_REFUSED"));
    drawsLine(0.3);
    browser.awaits(hasStrokes(1)).awaits("document.getElementById('notice').hidden");
    open(); // the new board outlives a reload
    browser.awaits(hasStrokes(1)).awaits("document.getElementById('notice').hidden");
    clearsBoard();
    expectNoErrors();
  }

  @Test
  void pageFitsAPhoneInLightAndDark() throws Exception {
    browser.commands(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", 360, "height", 740, "deviceScaleFactor", 2, "mobile", true));
    for (String scheme : List.of("light", "dark")) {
      browser.commands(
          "Emulation.setEmulatedMedia",
          Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
      open();
      browser.awaits(shows("connections", "n >= 1"));
      assertThat(browser.runs("return document.documentElement.scrollWidth").asInt())
          .isLessThanOrEqualTo(360);
      String color =
          browser.runs("return getComputedStyle(document.body).backgroundColor").asString();
      assertThat(color)
          .isEqualTo(scheme.equals("light") ? "rgb(244, 246, 249)" : "rgb(13, 17, 23)");
      expectNoErrors();
    }
    browser.commands("Emulation.clearDeviceMetricsOverride", Map.of());
    browser.commands("Emulation.setEmulatedMedia", Map.of("features", List.of()));
  }
}
