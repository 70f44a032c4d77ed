package dev.jev.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Handler;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Exceptions of a handler fail the test, unless the test expects them. */
class InMemoryFaultsTest {

  static Stream<Throwable> faults() {
    return Stream.of(
        new IllegalStateException("broken"),
        new AssertionError("expected: 1"),
        new IOException("checked"));
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void fail(Throwable fault) throws T {
    throw (T) fault;
  }

  /** A handler that throws in one callback, and notes its calls. */
  private static final class Faulty implements Handler<String, String> {

    private final String callback;
    private final Throwable fault;
    private final List<String> notes = new ArrayList<>();

    Faulty(String callback, Throwable fault) {
      this.callback = callback;
      this.fault = fault;
    }

    private void call(String name) {
      notes.add(name);
      if (name.equals(callback)) {
        InMemoryFaultsTest.<RuntimeException>fail(fault);
      }
    }

    @Override
    public void onConnect(Connection<String> connection) {
      call("connect");
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      call("message " + message);
    }

    @Override
    public void onWritable(Connection<String> connection) {
      call("writable");
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      call("close " + reason.kind());
    }
  }

  @ParameterizedTest
  @MethodSource("faults")
  void openThrowsWhatOnConnectThrows(Throwable fault) {
    Faulty handler = new Faulty("connect", fault);
    InMemoryConnection<String, String> connection = InMemoryConnection.to(handler);
    assertThatThrownBy(connection::open).isSameAs(fault);
    assertThat(handler.notes).containsExactly("connect", "close HANDLER_ERROR");
    assertThat(connection.closeReason()).isEqualTo(new CloseReason(Kind.HANDLER_ERROR, fault));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void receiveThrowsWhatOnMessageThrows(Throwable fault) {
    Faulty handler = new Faulty("message b", fault);
    InMemoryConnection<String, String> connection = InMemoryConnection.to(handler);
    connection.open().receive("a");
    assertThatThrownBy(() -> connection.receive("b")).isSameAs(fault);
    connection.receive("c").run();
    assertThat(handler.notes)
        .containsExactly("connect", "message a", "message b", "close HANDLER_ERROR");
  }

  @Test
  void otherCallsThrowWhatTheHandlerThrows() {
    IllegalStateException fault = new IllegalStateException("broken");
    InMemoryConnection<String, String> writable =
        InMemoryConnection.<String, String>to(new Faulty("writable", fault)).open().block();
    assertThatThrownBy(writable::unblock).isSameAs(fault);
    InMemoryConnection<String, String> peerCloses =
        InMemoryConnection.<String, String>to(new Faulty("close PEER_CLOSED", fault)).open();
    assertThatThrownBy(peerCloses::peerCloses).isSameAs(fault);
    InMemoryConnection<String, String> closes =
        InMemoryConnection.<String, String>to(new Faulty("close CLOSED", fault)).open();
    assertThatThrownBy(closes::close).isSameAs(fault);
    InMemoryConnection<String, String> task =
        InMemoryConnection.<String, String>to(new Faulty("", fault)).open();
    task.execute(() -> fail(fault));
    assertThatThrownBy(task::sent).isSameAs(fault);
    InMemoryConnection<String, String> timer =
        InMemoryConnection.<String, String>to(new Faulty("", fault)).open();
    timer.runAfter(Duration.ofMillis(1), () -> fail(fault));
    assertThatThrownBy(() -> timer.clock().advance(Duration.ofMillis(1))).isSameAs(fault);
  }

  @Test
  void closeThatIsExpectedThrowsNothing() {
    IllegalStateException fault = new IllegalStateException("broken");
    InMemoryConnection<String, String> connection =
        InMemoryConnection.to(new Faulty("message a", fault));
    connection.open().expectClose().receive("a");
    assertThat(connection.closeReason()).isEqualTo(new CloseReason(Kind.HANDLER_ERROR, fault));
  }

  @Test
  void whatOnCloseThrowsIsNeverExpected() {
    IllegalStateException fault = new IllegalStateException("broken");
    Faulty handler = new Faulty("close HANDLER_ERROR", fault);
    InMemoryConnection<String, String> connection = InMemoryConnection.to(handler);
    connection.open().expectClose();
    connection.execute(() -> fail(new IllegalStateException("first")));
    assertThatThrownBy(connection::run).isSameAs(fault);
    assertThat(connection.closeReason())
        .hasToString("HANDLER_ERROR: java.lang.IllegalStateException: first");
  }

  @Test
  void furtherFaultsAreSuppressed() {
    IllegalStateException fault = new IllegalStateException("broken");
    Faulty handler = new Faulty("close HANDLER_ERROR", fault);
    InMemoryConnection<String, String> connection = InMemoryConnection.to(handler);
    connection.open();
    IllegalStateException first = new IllegalStateException("first");
    connection.execute(() -> fail(first));
    assertThatThrownBy(connection::run).isSameAs(first).hasSuppressedException(fault);
  }

  @Test
  void callbacksOfOtherConnectionsComeAfterwardsAndTheirFaultsAreTheTests() {
    IllegalStateException fault = new IllegalStateException("broken");
    Faulty handler = new Faulty("close CLOSED", fault);
    InMemoryConnection<String, String> other =
        InMemoryConnection.<String, String>to(handler).open();
    List<String> notes = handler.notes;
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(
                (c, message) -> {
                  other.close();
                  notes.add("callback returns");
                })
            .open();
    assertThatThrownBy(() -> connection.receive("close the other")).isSameAs(fault);
    assertThat(notes).containsExactly("connect", "callback returns", "close CLOSED");
    assertThat(connection.isOpen()).isTrue();
    assertThat(connection.closeReason()).isNull();
  }
}
