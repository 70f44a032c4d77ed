package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Chromium's WebSocket against the sample `ws-echo`. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@CallsPrograms
class WsBrowserIT {

  private static final String MAX_MESSAGE_BYTES = "2000000";

  /** Opens a socket that collects its events in a list. */
  private static final String CONNECT =
      """
      return new Promise(done => {
        window.heard = [];
        window.socket = new WebSocket(arguments[0]);
        socket.binaryType = 'arraybuffer';
        socket.onopen = () => done(socket.extensions);
        socket.onmessage = e => heard.push(e.data);
        socket.onclose = e => heard.push(e.code + ' ' + e.reason + ' ' + e.wasClean) && done('closed');
      });
      """;

  private Program server;
  private Browser browser;

  @BeforeAll
  void start(@TempDir Path profile) throws Exception {
    browser = Browser.start(profile); // or skips the tests
    server = server();
    browser.opens("http://127.0.0.1:" + server.port() + "/");
  }

  @AfterAll
  void stop() throws Exception {
    if (browser != null) {
      browser.close();
      expectEnd(server);
    }
  }

  private static Program server(String... options) throws Exception {
    String[] arguments = new String[options.length + 5];
    arguments[0] = "ws-echo";
    arguments[1] = "--port";
    arguments[2] = "0";
    arguments[3] = "--max-message-bytes";
    arguments[4] = MAX_MESSAGE_BYTES;
    System.arraycopy(options, 0, arguments, 5, options.length);
    return Sample.server(arguments);
  }

  /** Stops a server. It may have warned of blocked loops, because leak detection is paranoid. */
  private static void expectEnd(Program server) throws Exception {
    assertThat(server.terminate().exitStatus()).isZero();
    assertThat(String.join("\n", server.errors())).doesNotContain("LEAK", "Exception");
  }

  private String connect(String scheme, Program server) throws Exception {
    String uri = scheme + "://127.0.0.1:" + server.port() + "/";
    return browser.runs(CONNECT, uri).asString();
  }

  @Test
  void textsOfEveryLengthComeBack() throws Exception {
    assertThat(connect("ws", server)).isEmpty();
    for (int length : new int[] {0, 1, 125, 126, 65_535, 65_536}) {
      browser.runs("window.sent = '\u20ac'.repeat(arguments[0]); socket.send(sent)", length);
      browser.awaits("heard.length && heard.shift() === sent");
    }
  }

  @Test
  void bytesComeBack() throws Exception {
    connect("ws", server);
    browser.runs(
        "window.sent = new Uint8Array(1 << 20).map((_, i) => i * 7919 >> 5); socket.send(sent)");
    browser.awaits(
        "heard.length && new Uint8Array(heard.shift()).every((b, i) => b === sent[i]) &&"
            + " sent.length");
  }

  @Test
  void codeAndReasonComeBack() throws Exception {
    connect("ws", server);
    browser.runs("socket.close(4321, 'gr\u00fc\u00dfe')");
    browser.awaits("heard.length");
    assertThat(browser.runs("return heard[0]").asString()).isEqualTo("4321 gr\u00fc\u00dfe true");
  }

  @Test
  void codeOfAViolationIsSeen() throws Exception {
    connect("ws", server);
    browser.runs("socket.send('x'.repeat(arguments[0] + 1))", Integer.parseInt(MAX_MESSAGE_BYTES));
    browser.awaits("heard.length");
    assertThat(browser.runs("return heard[0]").asString())
        .isEqualTo("1009 message: 2000001 bytes (expected: <= 2000000) true");
  }

  @Test
  void messagesAreCompressedIfTheServerMay() throws Exception {
    try (Program compressing = server("--compression")) {
      assertThat(connect("ws", compressing)).startsWith("permessage-deflate");
      for (int i = 0; i < 3; i++) {
        browser.runs("window.sent = 'line of many\\n'.repeat(10000); socket.send(sent)");
        browser.awaits("heard.length && heard.shift() === sent");
        browser.runs("window.sent = new Uint8Array(1000).fill(7); socket.send(sent)");
        browser.awaits("heard.length && String(new Uint8Array(heard.shift())) === String(sent)");
      }
      expectEnd(compressing);
    }
  }

  @Test
  void encryptedTextComesBackUntilTheServerStops() throws Exception {
    try (Program tls = server("--tls")) {
      connect("wss", tls);
      browser.runs("socket.send('hello')");
      browser.awaits("heard.shift() === 'hello'");
      tls.terminate();
      browser.awaits("heard.length");
      assertThat(browser.runs("return heard[0]").asString()).isEqualTo("1001  true");
      expectEnd(tls);
    }
  }
}
