package dev.jev.test;

import java.util.List;

/** A program without JUnit on its class path, see {@link WithoutJunitTest}. */
final class WithoutJunit {

  private WithoutJunit() {}

  public static void main(String[] arguments) throws Exception {
    try {
      Class.forName("org.junit.jupiter.api.DynamicTest");
      throw new AssertionError("JUnit is there");
    } catch (ClassNotFoundException e) {
      // as it has to be
    }
    ProtocolContract.of(ShortTexts::new).message("hello").refused("00", "length: 0").check();
    Recorder<String, String> recorder = Recorder.before((c, text) -> c.send("hello " + text));
    InMemoryConnection<String, String> connection = InMemoryConnection.to(recorder).open();
    connection.receive("Ann").peerCloses();
    recorder.expect("connect", "message Ann", "close PEER_CLOSED");
    recorder.expectNothingMore();
    if (!connection.sent().equals(List.of("hello Ann"))) {
      throw new AssertionError("sent: " + connection.sent());
    }
    System.out.println("passed");
  }
}
