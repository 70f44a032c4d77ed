package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.Receiver;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.ForwardingBackplane.ForwardingReceiver;
import dev.jev.nodes.ForwardingBackplane.ForwardingSession;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Faults of an engine that the contract finds, and the checks that fail. */
@Timeout(60)
class BackplaneContractTest {

  private static String failuresWithSessions(Function<Session, Session> faulty) {
    return failures(faulty, receiver -> receiver);
  }

  private static String failuresWithReceivers(UnaryOperator<Receiver> faulty) {
    return failures(session -> session, faulty);
  }

  private static String failures(
      Function<Session, Session> sessions, UnaryOperator<Receiver> receivers) {
    BackplaneContract contract =
        BackplaneContract.of(
                () -> new ForwardingBackplane(Backplane.inProcess(), sessions, receivers))
            .timeout(Duration.ofMillis(300))
            .lease(Duration.ofMillis(50))
            .age(Duration.ofMillis(50));
    return catchThrowableOfType(AssertionError.class, contract::check).getMessage();
  }

  @Test
  void anEngineThatForwardsPasses() {
    BackplaneContract.of(
            () ->
                new ForwardingBackplane(
                    Backplane.inProcess(), ForwardingSession::new, ForwardingReceiver::new))
        .check();
  }

  @Test
  void aDroppedRecordIsFound() {
    assertThat(
            failuresWithReceivers(
                receiver ->
                    new ForwardingReceiver(receiver) {
                      private int count;

                      @Override
                      public synchronized void record(Channel channel, Record record) {
                        if (++count != 50) {
                          super.record(channel, record);
                        }
                      }
                    }))
        .contains("* order: ", "* one order on all nodes: ", "* reads after hand-over: ");
  }

  @Test
  void swappedRecordsAreFound() {
    assertThat(
            failuresWithReceivers(
                receiver ->
                    new ForwardingReceiver(receiver) {
                      private final Deque<Record> held = new ArrayDeque<>();
                      private int count;

                      @Override
                      public synchronized void record(Channel channel, Record record) {
                        if (++count == 50) {
                          held.add(record);
                          return;
                        }
                        super.record(channel, record);
                        while (!held.isEmpty()) {
                          super.record(channel, held.remove());
                        }
                      }
                    }))
        .contains("* order: ", "* one order on all nodes: ");
  }

  @Test
  void aBodyThatIsStoredTwiceIsFound() {
    assertThat(
            failuresWithSessions(
                session ->
                    new ForwardingSession(session) {
                      @Override
                      public CompletionStage<Stored> publish(
                          Channel channel, byte[] body, @Nullable String since) {
                        return super.publish(channel, body, null);
                      }
                    }))
        .contains("* again: second publication: ");
  }

  @Test
  void aLostRecordThatIsCalledContinuousIsFound() {
    assertThat(
            failuresWithSessions(
                session ->
                    new ForwardingSession(session) {
                      @Override
                      public CompletionStage<Slice> read(
                          Channel channel, @Nullable Position after, int mostBytes) {
                        return super.read(channel, after, mostBytes)
                            .thenApply(slice -> new Slice(slice.records(), true, slice.end()));
                      }
                    }))
        .contains("* positions: ", "* positions inside a record: ", "* again: ", "* age: ");
  }

  @Test
  void aForgottenLeaveIsFound() {
    assertThat(
            failuresWithReceivers(
                receiver ->
                    new ForwardingReceiver(receiver) {
                      @Override
                      public void presence(String topic, long version, Presence.Change change) {
                        if (change.joined()) {
                          super.presence(topic, version, change);
                        }
                      }
                    }))
        .contains("* members: ", "* members without a hole: ", "* lease: ", "* closed: ");
  }

  @Test
  void aJoinPerNodeIsFound() {
    assertThat(
            failuresWithSessions(
                session ->
                    new ForwardingSession(session) {
                      @Override
                      public CompletionStage<Void> present(
                          String topic, Presence.Member member, int connections) {
                        String id = member.id() + " of " + System.identityHashCode(this);
                        return super.present(topic, new Presence.Member(id, ""), connections);
                      }
                    }))
        .contains("* members: ", "* lease: ", "* leaving: ");
  }

  @Test
  void aNodeThatIsNeverRemovedIsFound() {
    assertThat(
            failuresWithSessions(
                session ->
                    new ForwardingSession(session) {
                      @Override
                      public CompletionStage<Lease> renew(Duration lease) {
                        return super.renew(Duration.ofDays(1))
                            .thenApply(answer -> new Lease(answer.alive(), false));
                      }
                    }))
        .contains("* lease: end of the lease: not after PT0.3S");
  }

  @Test
  void aCommandToItsSenderIsFound() {
    assertThat(
            failuresWithSessions(
                session ->
                    new ForwardingSession(session) {
                      @Override
                      public CompletionStage<Void> command(@Nullable String node, byte[] bytes) {
                        return super.command(null, bytes);
                      }
                    }))
        .contains("* commands: ");
  }

  @Test
  void argumentsAreChecked() {
    BackplaneContract contract = BackplaneContract.of(Backplane::inProcess);
    assertThatThrownBy(() -> contract.lease(Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lease: PT0S (expected: PT0.01S..PT8760H)");
    assertThat(Set.copyOf(contract.tests().map(test -> test.getDisplayName()).toList()))
        .hasSize(19);
  }
}
