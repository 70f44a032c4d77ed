package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A chat between lines over TCP and texts over WebSocket. */
@Timeout(180)
class ChatIT {

  private static final String WELCOME =
      "Welcome. Type to talk, or /nick NAME, /join ROOM, /leave, /who, /help, /quit.";

  private Program server;

  @BeforeEach
  void start() throws Exception {
    server = Sample.server("chat", "--port", "0");
  }

  @AfterEach
  void stop() throws Exception {
    try (Program server = this.server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  private static void expect(RawClient client, String... lines) throws Exception {
    for (String line : lines) {
      assertThat(client.receivesLine()).isEqualTo(line);
    }
  }

  @Test
  void nameIsToldToBothKindsOfGuests() throws Exception {
    try (RawClient ann = new RawClient(server.port())) {
      ann.sends("/nick Ann\r\n");
      expect(ann, WELCOME, "* guest1 is in lobby now", "* guest1 is Ann now");
      WebSocketTexts bob = WebSocketTexts.connect(server, "/chat");
      expect(ann, "* guest1 is in lobby now");
      bob.sends("/nick Bob").sends("hello").expect("Bob: hello");
      expect(ann, "* guest1 is Bob now", "Bob: hello");
      ann.sends("hello, Bob\n");
      bob.expect("Ann: hello, Bob");
      bob.sends("/who").expect("* in lobby: Ann, Bob");
      bob.sends("/quit");
      assertThat(bob.code()).isEqualTo(1000);
      expect(ann, "Ann: hello, Bob", "* Bob has left lobby");
    }
  }

  @Test
  @CallsPrograms
  void silentGuestIsGreeted() throws Exception {
    try (Program nc = Program.start("nc", "127.0.0.1", String.valueOf(server.port()))) {
      assertThat(nc.line()).isEqualTo(WELCOME);
      assertThat(nc.line()).isEqualTo("* guest1 is in lobby now");
      nc.typesAndWaits("hello\n");
      assertThat(nc.line()).isEqualTo("guest1: hello");
    }
  }

  @Test
  void roomsAreApart() throws Exception {
    WebSocketTexts ann = WebSocketTexts.connect(server, "/chat").sends("/join garden");
    ann.expect("* guest1 is in garden now");
    WebSocketTexts bob = WebSocketTexts.connect(server, "/chat").sends("hello");
    bob.expect("guest2: hello").sends("/join garden").expect("* guest2 is in garden now");
    assertThat(ann.next()).isEqualTo("* guest2 is in garden now");
    bob.sends("/leave").expect("* guest2 is in lobby now");
    assertThat(ann.next()).isEqualTo("* guest2 has left garden");
  }

  @Test
  void namesAreUniqueAndFreeAgainAfterwards() throws Exception {
    WebSocketTexts ann = WebSocketTexts.connect(server, "/chat").sends("/nick Ann");
    ann.expect("* guest1 is Ann now");
    WebSocketTexts bob = WebSocketTexts.connect(server, "/chat").sends("/nick ANN");
    bob.expect("! ANN is taken");
    ann.sends("/nick ANN").expect("* Ann is ANN now").sends("/quit");
    bob.expect("* ANN has left lobby").sends("/nick Ann").expect("* guest1 is Ann now");
  }

  @Test
  void mistakesAreAnswered() throws Exception {
    WebSocketTexts ann = WebSocketTexts.connect(server, "/chat");
    ann.sends("/nick").expect("! invalid name (expected: 1 to 20 letters, digits, _ or -)");
    ann.sends("/join a b").expect("! invalid name (expected: 1 to 20 letters, digits, _ or -)");
    ann.sends("/dance")
        .expect(
            "! /dance is unknown"
                + " (expected: /nick NAME, /join ROOM, /leave, /who, /help, /quit)");
    ann.sends("bell \007 and\nline").expect("guest1: bell   and line");
    ann.sends("x".repeat(1025));
    assertThat(ann.code()).isEqualTo(1009);
    try (RawClient bob = new RawClient(server.port())) {
      bob.sends("x".repeat(1025) + "\n");
      assertThat(bob.receivesAll()).doesNotContain("xx");
    }
  }

  @Test
  void requestOfAWebPageSaysNothing() throws Exception {
    try (RawClient ann = new RawClient(server.port());
        RawClient browser = new RawClient(server.port())) {
      ann.sends("/nick Ann\n");
      expect(ann, WELCOME, "* guest1 is in lobby now", "* guest1 is Ann now");
      browser.sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nevil\r\n\r\n");
      assertThat(browser.receivesAll()).startsWith("HTTP/1.1 4").doesNotContain("evil", WELCOME);
      ann.sends("hello\n");
      expect(ann, "Ann: hello");
    }
  }

  @Test
  void pageIsOnTheSamePort() throws Exception {
    try (RawClient browser = new RawClient(server.port())) {
      browser.sends("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      assertThat(browser.receivesAll())
          .startsWith("HTTP/1.1 200 OK\r\n")
          .contains("Content-Type: text/html; charset=utf-8\r\n", "<title>Jev, chat</title>");
    }
  }
}
