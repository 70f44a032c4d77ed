package dev.jev.test;

import java.util.ArrayList;
import java.util.List;

/** A program without JUnit on its class path, see {@link WithoutJunitTest}. */
final class WithoutJunit {

  private WithoutJunit() {}

  public static void main(String[] arguments) throws Exception {
    try {
      Class.forName("org.junit.jupiter.api.DynamicTest");
      throw new AssertionError("JUnit is there");
    } catch (ClassNotFoundException e) {
      // As expected.
    }
    ProtocolContract.of(ShortTexts::new).message("hello").refused("00", "length: 0").check();
    List<String> messages = new ArrayList<>();
    try (var loop = new UnpackLoop<>(new ShortTexts(), new TestContext(), messages::add).open()) {
      loop.read(loop.pack("hello"));
    }
    byte[] input = {2, 'h', 'i', 0};
    messages.addAll(
        new FuzzedProtocol<>(ShortTexts::new, text -> text).checkSplits(input).messages());
    if (!messages.equals(List.of("hello", "hi"))) {
      throw new AssertionError("messages: " + messages);
    }
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
