package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.redis.DeliveryLedger.Delivery;
import dev.jev.redis.DeliveryLedger.Name;
import dev.jev.redis.DeliveryLedger.Publication;
import dev.jev.redis.DeliveryLedger.Stream;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Each fault that a {@link DeliveryLedger} may have is found. */
class DeliveryCheckerTest {

  private final DeliveryLedger ledger = new DeliveryLedger();
  private final Map<Name, Publication> published = new HashMap<>();

  /** Publishes messages of two publishers, alternately: p-0, q-0, p-1 ... */
  private void publish(int each) {
    for (int i = 0; i < each; i++) {
      for (String publisher : new String[] {"p", "q"}) {
        Publication publication = ledger.publication("t", publisher, i, publisher + i);
        publication.stored("at " + publication.name);
        published.put(publication.name, publication);
      }
    }
  }

  private Publication publication(String message) {
    String[] parts = message.split("-", -1);
    return published.get(new Name(parts[0], Integer.parseInt(parts[1])));
  }

  private static Delivery delivery(String message, String payload, String position) {
    String[] parts = message.split("-", -1);
    Name name = new Name(parts[0], Integer.parseInt(parts[1]));
    return new Delivery(0, name, payload.hashCode(), position, 0);
  }

  /** Delivers messages to a new client; an asterisk is a notice. */
  private Stream client(String name, String... messages) {
    Stream stream = ledger.stream("t", name);
    for (String message : messages) {
      stream.add(
          message.equals("*")
              ? Delivery.notice(0)
              : delivery(message, message.replace("-", ""), "at " + message));
    }
    return stream;
  }

  private void expect(String... faults) {
    assertThat(DeliveryChecker.check(ledger)).containsExactlyInAnyOrder(faults);
  }

  @Test
  void whatIsPromisedIsNoFault() {
    publish(2);
    client("a", "p-0", "q-0", "p-1", "q-1");
    client("b", "p-0", "q-0", "p-1", "q-1");
    expect();
  }

  @Test
  void lossIsFound() {
    publish(2);
    client("a", "p-0", "q-0", "p-1", "q-1");
    client("b", "p-0", "q-0", "q-1");
    expect("t: lost: p-1 of b");
  }

  @Test
  void lossAtTheEndAndForAllIsFound() {
    publish(2);
    client("a", "p-0", "q-0", "p-1");
    client("b", "p-0", "q-0", "p-1");
    expect("t: lost: q-1 of a", "t: lost: q-1 of b");
  }

  @Test
  void clientWithoutAnyMessageIsFound() {
    publish(1);
    client("a", "p-0", "q-0");
    client("b");
    expect("t: lost: p-0 of b", "t: lost: q-0 of b");
  }

  @Test
  void lossThatIsToldIsNoFault() {
    publish(3);
    client("a", "p-0", "q-0", "p-1", "q-1", "p-2", "q-2");
    client("b", "p-0", "*", "q-1", "p-2", "q-2");
    client("c", "*", "q-0", "p-1", "q-1", "p-2", "q-2");
    client("d", "p-0", "q-0", "p-1", "q-1", "p-2", "*");
    expect();
  }

  @Test
  void lossElsewhereThanToldIsFound() {
    publish(3);
    client("a", "p-0", "q-0", "p-1", "q-1", "p-2", "q-2");
    client("b", "p-0", "*", "p-1", "p-2", "q-2");
    expect("t: lost: q-1 of b");
  }

  @Test
  void lossOfWhatNoClientHasGotIsFoundWhereItIsNotTold() {
    publish(2);
    client("a", "p-0", "q-0", "*", "q-1");
    client("b", "p-0", "q-0", "q-1");
    expect("t: lost: p-1 of b");
  }

  @Test
  void duplicateIsFound() {
    publish(2);
    client("a", "p-0", "q-0", "p-1", "q-1");
    client("b", "p-0", "q-0", "p-1", "q-0", "q-1");
    expect("t: delivered twice: q-0 in connection 0 of b");
  }

  @Test
  void reorderIsFound() {
    publish(2);
    client("a", "p-1", "q-0", "p-0", "q-1");
    client("b", "p-1", "q-0", "p-0", "q-1");
    expect(
        "t: delivered after number 1 of its publisher: p-0 in connection 0 of a",
        "t: delivered after number 1 of its publisher: p-0 in connection 0 of b");
  }

  @Test
  void twoOrdersAreFound() {
    publish(2);
    client("a", "p-0", "q-0", "p-1", "q-1");
    client("b", "q-0", "p-0", "p-1", "q-1");
    expect("t: clients have different orders of [p-0, q-0, p-1, q-1]");
  }

  @Test
  void ordersThatContradictOnlyTogetherAreFound() {
    publish(1);
    Publication third = ledger.publication("t", "r", 0, "r0");
    third.stored("at r-0");
    client("a", "p-0", "q-0", "*");
    client("b", "*", "q-0", "r-0");
    client("c", "r-0", "*", "p-0");
    assertThat(DeliveryChecker.check(ledger))
        .contains("t: clients have different orders of [p-0, q-0, r-0]");
  }

  @Test
  void refusedMessageThatIsDeliveredIsFound() {
    publish(1);
    publication("q-0").refused();
    client("a", "p-0");
    client("b", "p-0", "q-0");
    assertThat(DeliveryChecker.check(ledger))
        .contains("t: refused and delivered: q-0 in connection 0 of b");
  }

  @Test
  void refusedMessageThatIsMissingIsNoFault() {
    publish(1);
    publication("q-0").refused();
    client("a", "p-0");
    expect();
  }

  @Test
  void unknownMessageMayBeInAllStreamsOrInNone() {
    publish(1);
    ledger.publication("t", "r", 0, "r0");
    ledger.publication("t", "r", 1, "r1");
    client("a", "p-0", "r-0", "q-0");
    client("b", "p-0", "r-0", "q-0");
    expect();
  }

  @Test
  void unknownMessageThatOnlySomeClientsHaveIsFound() {
    publish(1);
    ledger.publication("t", "r", 0, "r0");
    client("a", "p-0", "r-0", "q-0");
    client("b", "p-0", "q-0");
    expect("t: lost here, but not elsewhere: r-0 of b");
  }

  @Test
  void unknownMessageThatIsDeliveredTwiceIsFound() {
    publish(1);
    ledger.publication("t", "r", 0, "r0");
    client("a", "p-0", "r-0", "q-0", "r-0");
    expect("t: delivered twice: r-0 in connection 0 of a");
  }

  @Test
  void strangeAndChangedMessagesAreFound() {
    publish(1);
    Stream stream = client("a", "p-0");
    stream.add(delivery("q-0", "changed", "at q-0"));
    stream.add(delivery("x-0", "x0", "at x-0"));
    expect(
        "t: never published: q-0 in connection 0 of a",
        "t: never published: x-0 in connection 0 of a");
  }

  @Test
  void repeatedPositionIsFound() {
    publish(1);
    Stream stream = client("a", "p-0");
    stream.add(delivery("q-0", "q0", "at p-0"));
    expect(
        "t: position of p-0 repeated for q-0, seen by a",
        "t: another position than elsewhere: q-0, seen by a");
  }

  @Test
  void positionsThatDifferAreFound() {
    publish(1);
    client("a", "p-0", "q-0");
    Stream stream = client("b", "p-0");
    stream.add(delivery("q-0", "q0", "at another place"));
    expect("t: another position than elsewhere: q-0, seen by b");
  }

  @Test
  void topicsAreCheckedForThemselves() {
    publish(1);
    client("a", "p-0", "q-0");
    ledger.publication("u", "p", 0, "p0").stored("at u");
    ledger.stream("u", "a");
    expect("u: lost: p-0 of a");
  }
}
