package dev.jev.samples.mqtt;

import static dev.jev.samples.mqtt.MqttBytes.CLEAN;
import static dev.jev.samples.mqtt.MqttBytes.CONNACK;
import static dev.jev.samples.mqtt.MqttBytes.DISCONNECT;
import static dev.jev.samples.mqtt.MqttBytes.PASSWORD;
import static dev.jev.samples.mqtt.MqttBytes.PING;
import static dev.jev.samples.mqtt.MqttBytes.PONG;
import static dev.jev.samples.mqtt.MqttBytes.USER_NAME;
import static dev.jev.samples.mqtt.MqttBytes.WILL;
import static dev.jev.samples.mqtt.MqttBytes.WILL_RETAIN;
import static dev.jev.samples.mqtt.MqttBytes.connect;
import static dev.jev.samples.mqtt.MqttBytes.id;
import static dev.jev.samples.mqtt.MqttBytes.packet;
import static dev.jev.samples.mqtt.MqttBytes.puback;
import static dev.jev.samples.mqtt.MqttBytes.publish;
import static dev.jev.samples.mqtt.MqttBytes.raw;
import static dev.jev.samples.mqtt.MqttBytes.refusal;
import static dev.jev.samples.mqtt.MqttBytes.suback;
import static dev.jev.samples.mqtt.MqttBytes.subscribe;
import static dev.jev.samples.mqtt.MqttBytes.text;
import static dev.jev.samples.mqtt.MqttBytes.unsuback;
import static dev.jev.samples.mqtt.MqttBytes.unsubscribe;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Server;
import dev.jev.samples.RawClient;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * The normative statements of MQTT 3.1.1 (appendix B) that concern a server without retained
 * messages, stored sessions and QoS 2, each named in its row.
 */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MqttStatementsTest {

  private static final String C = connect("");
  private static final String SUBSCRIBED = C + subscribe(1, "#");
  private static final String SUBACK = CONNACK + suback(1, "\0");

  private Server server;

  @BeforeAll
  void start() {
    server = Server.builder(Mqtt.protocol(), new MqttBroker()).listen("tcp://127.0.0.1:0").start();
  }

  @AfterAll
  void stop() {
    server.close();
  }

  /** The bytes of one client until the end of its output, and all that the server sends to it. */
  private DynamicTest row(String statement, String sends, String receives) {
    return DynamicTest.dynamicTest(
        "[MQTT-" + statement + "]", () -> assertThat(exchange(sends)).isEqualTo(receives));
  }

  /** Bytes of a connected client that close its connection: a ping after them has no answer. */
  private DynamicTest closing(String statement, String packet) {
    return row(statement, C + packet + PING, CONNACK);
  }

  /** A packet instead of CONNECT that closes the connection without an answer. */
  private DynamicTest refused(String statement, String packet) {
    return row(statement, packet + PING, "");
  }

  private String exchange(String sends) throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      return client.sends(sends).endsOutput().receivesAll();
    }
  }

  private static String subscribeRaw(String filter, int options) {
    return packet(0x82, id(1) + raw(filter) + (char) options);
  }

  @TestFactory
  Stream<DynamicTest> strings() {
    List<DynamicTest> rows = new ArrayList<>();
    for (String malformed :
        List.of("\u00c0\u0080", "\u00ed\u00a0\u0080", "\u00f4\u0090\u0080\u0080", "a\u00ff")) {
      rows.addAll(strings("1.5.3-1", malformed));
    }
    rows.addAll(strings("1.5.3-2", "a\0b"));
    String mark = "\u00ef\u00bb\u00bf";
    rows.add(
        row(
            "1.5.3-3",
            C + subscribeRaw(mark + "a", 0) + publish("a", "1") + packet(0x30, raw(mark + "a") + 2),
            SUBACK + packet(0x30, raw(mark + "a") + 2)));
    return rows.stream();
  }

  private List<DynamicTest> strings(String statement, String bytes) {
    return List.of(
        closing(statement + ", 3.3.2-1, 4.7.3-2", packet(0x30, raw(bytes) + "x")),
        closing(statement + ", 3.8.3-1, 4.7.3-2", subscribeRaw(bytes, 0)),
        closing(statement + ", 3.10.3-1, 4.7.3-2", packet(0xa2, id(1) + raw(bytes))),
        refused(statement + ", 3.1.3-4", connect(CLEAN, raw(bytes))),
        refused(statement + ", 3.1.3-10", connect(CLEAN | WILL, text("") + raw(bytes) + text("w"))),
        refused(statement + ", 3.1.3-11", connect(CLEAN | USER_NAME, text("") + raw(bytes))));
  }

  @TestFactory
  Stream<DynamicTest> headers() {
    String filter = text("a") + "\0";
    return Stream.of(
        refused("2.2.2-2", packet(0x11, C.substring(2))),
        closing("2.2.2-2, 3.6.1-1", packet(0x60, id(1))),
        closing("2.2.2-2, 3.8.1-1", packet(0x80, id(1) + filter)),
        closing("2.2.2-2, 3.10.1-1", packet(0xa0, id(1) + text("a"))),
        closing("2.2.2-2", packet(0xc1, "")),
        closing("2.2.2-2, 3.14.1-1", packet(0xe1, "")),
        closing("2.3.1-1", packet(0x82, id(0) + filter)),
        closing("2.3.1-1", packet(0xa2, id(0) + text("a"))),
        closing("2.3.1-1", publish(0, "a", "x")),
        row(
            "2.3.1-5",
            SUBSCRIBED + publish("a", "\0\1x"),
            SUBACK + packet(0x30, text("a") + "\0\1x")),
        row("2.3.1-6", C + publish(0xabcd, "a", "x"), CONNACK + puback(0xabcd)),
        row("2.3.1-7", C + subscribe(0xffff, "a"), CONNACK + suback(0xffff, "\0")),
        row("2.3.1-7", C + unsubscribe(0x100, "a"), CONNACK + unsuback(0x100)),
        closing("4.8.0-1: type 0", packet(0x00, "")),
        closing("4.8.0-1: type 15", packet(0xf0, "")),
        closing("4.8.0-1: a packet of the server", CONNACK),
        closing("4.8.0-1: length of five bytes", "\300\200\200\200\200\0"),
        closing("4.8.0-1: PINGREQ with a payload", packet(0xc0, PING)),
        closing("4.8.0-1: DISCONNECT with a payload", packet(0xe0, "\0")),
        closing("4.8.0-1: string that ends behind its packet", "\60\3\0\6a" + PING),
        closing("4.8.0-1: filter without its options", packet(0x82, id(1) + text("a"))));
  }

  @TestFactory
  Stream<DynamicTest> connections() {
    String name = text("MQTT") + "\4" + "\2" + id(0);
    return Stream.of(
        refused("3.1.0-1", subscribe(1, "a")),
        refused("3.1.0-1", publish("a", "x") + C),
        row("3.1.0-2", C + C + PING, CONNACK),
        refused("3.1.2-1", packet(0x10, text("MQTX") + name.substring(6) + text(""))),
        refused("3.1.2-1", packet(0x10, text("mqtt") + "\5\2" + id(0) + text(""))),
        row("3.1.2-2", level(5) + PING, refusal(1)),
        row("3.1.2-2", level(3) + PING, refusal(1)),
        row("3.1.2-2", level(0) + PING, refusal(1)),
        row("3.1.2-2", level(0x84) + PING, refusal(1)),
        refused("3.1.2-3", connect(CLEAN | 1, text("a"))),
        refused("3.1.2-9", connect(CLEAN | WILL, text("a"))),
        refused("3.1.2-9", connect(CLEAN | WILL, text("a") + text("will"))),
        refused("3.1.2-11", connect(CLEAN, text("a") + text("will") + text("w"))),
        refused("3.1.2-11, 3.1.2-13", connect(CLEAN | 0x08, text("a"))),
        refused("3.1.2-11, 3.1.2-13", connect(CLEAN | 0x10, text("a"))),
        refused("3.1.2-14", connect(CLEAN | WILL | 0x18, text("a") + text("will") + text("w"))),
        refused("3.1.2-11, 3.1.2-15", connect(CLEAN | WILL_RETAIN, text("a"))),
        refused("3.1.2-18", connect(CLEAN, text("a") + text("user"))),
        refused("3.1.2-19", connect(CLEAN | USER_NAME, text("a"))),
        refused("3.1.2-20", connect(CLEAN | USER_NAME, text("a") + text("user") + text("word"))),
        refused("3.1.2-21", connect(CLEAN | USER_NAME | PASSWORD, text("a") + text("user"))),
        refused("3.1.2-22", connect(CLEAN | PASSWORD, text("a") + text("word"))),
        refused("3.1.3-3", connect(CLEAN, "")),
        row("3.1.3-5", connect("0123456789abcdefghijklm") + PING, CONNACK + PONG),
        row("3.1.3-5", connect("nopqrstuvwxyzABCDEFGHIJ") + PING, CONNACK + PONG),
        row("3.1.3-5", connect("KLMNOPQRSTUVWXYZ") + PING, CONNACK + PONG),
        row("3.1.3-6", connect("") + PING, CONNACK + PONG),
        row("3.1.3-8", connect(0, text("")) + PING, refusal(2)),
        row(
            "3.1.3-9: MQTT 3.1 has no longer identifiers",
            packet(0x10, text("MQIsdp") + "\3\2" + id(0) + text("x".repeat(24))) + PING,
            refusal(2)),
        refused("3.1.4-1", connect(CLEAN, text("a") + "x")),
        refused("3.1.4-1, 4.7.3-1", connect(CLEAN | WILL, text("a") + text("") + text("w"))),
        refused("3.1.4-1, 4.7.1-1", connect(CLEAN | WILL, text("a") + text("a/#") + text("w"))),
        row("3.1.4-4, 3.2.0-1, 3.2.2-1", C, CONNACK),
        row("3.1.4-5, 3.2.2-4, 3.2.2-5", level(5) + subscribe(1, "a"), refusal(1)),
        row("3.2.2-3", connect(0, text("no-state")), CONNACK),
        row("3.12.4-1", C + PING + PING, CONNACK + PONG + PONG),
        row("3.14.4-2", C + DISCONNECT + PING, CONNACK));
  }

  private static String level(int level) {
    return packet(0x10, text("MQTT") + (char) level + "\2" + id(0) + text("a"));
  }

  @TestFactory
  Stream<DynamicTest> publications() {
    String a = publish("a", "x");
    return Stream.of(
        closing("3.3.1-2", packet(0x38, text("a") + "x")),
        row("3.3.1-3", SUBSCRIBED + packet(0x3a, text("a") + id(7) + "x"), SUBACK + a + puback(7)),
        closing("3.3.1-4", packet(0x36, text("a") + id(1) + "x")),
        row("3.3.1-9", SUBSCRIBED + packet(0x31, text("a") + "x"), SUBACK + a),
        row("3.3.1-12", C + a + subscribe(1, "#") + PING, SUBACK + PONG),
        closing("3.3.2-1", packet(0x30, "")),
        closing("3.3.2-2, 4.7.1-1", publish("a/+", "x")),
        closing("3.3.2-2, 4.7.1-1", publish("#", "x")),
        row("3.3.2-3", C + subscribe(1, "b") + a + publish("b", "x"), SUBACK + publish("b", "x")),
        row("3.3.4-1: QoS 0", C + a + PING, CONNACK + PONG),
        row("3.3.4-1, 4.3.2-2: QoS 1", C + publish(9, "a", "x") + PING, CONNACK + puback(9) + PONG),
        row("3.3.5-1", C + subscribe(1, "a", "+", "#") + a, CONNACK + suback(1, "\0\0\0") + a),
        row("4.3.1-1", SUBSCRIBED + publish(1, "a", "x"), SUBACK + a + puback(1)),
        row(
            "4.3.2-2: the same identifier again",
            SUBSCRIBED + publish(1, "a", "x") + packet(0x3a, text("a") + id(1) + "x"),
            SUBACK + a + puback(1) + a + puback(1)),
        row(
            "QoS 2 is refused and not delivered",
            SUBSCRIBED + packet(0x34, text("a") + id(1) + "x") + PING,
            SUBACK),
        row("4.6.0-6", SUBSCRIBED + numbered(1_000), SUBACK + numbered(1_000)),
        closing("4.7.3-1", publish("", "x")));
  }

  private static String numbered(int count) {
    StringBuilder packets = new StringBuilder();
    IntStream.range(0, count).forEach(i -> packets.append(publish("a", String.valueOf(i))));
    return packets.toString();
  }

  @TestFactory
  Stream<DynamicTest> subscriptions() {
    String a = publish("a", "x");
    String[] tooMany =
        IntStream.rangeClosed(0, MqttSession.MAX_FILTERS)
            .mapToObj(i -> "f" + i)
            .toArray(String[]::new);
    String half = "f".repeat(MqttSession.MAX_FILTER_CHARS / 2);
    return Stream.of(
        closing("3.8.3-3", packet(0x82, id(1))),
        closing("3-8.3-4", subscribeRaw("a", 3)),
        closing("3-8.3-4", subscribeRaw("a", 0x04)),
        closing("3-8.3-4", subscribeRaw("a", 0x40)),
        closing("3-8.3-4", subscribeRaw("a", 0x80)),
        row("3.8.4-1, 3.8.4-2", C + subscribe(0x1234, "a"), CONNACK + suback(0x1234, "\0")),
        row("3.8.4-3", SUBSCRIBED + subscribe(2, "#") + a, SUBACK + suback(2, "\0") + a),
        row(
            "3.8.4-4",
            C + subscribe(1, "a", "b") + publish("b", "x") + a,
            CONNACK + suback(1, "\0\0") + publish("b", "x") + a),
        row(
            "3.8.4-5, 3.8.4-6",
            C + subscribeRaw("a", 2) + publish(1, "a", "x"),
            SUBACK + a + puback(1)),
        row(
            "3.8.4-5, 3.9.3-1, 3.9.3-2",
            C + subscribe(1, tooMany) + subscribe(2, "more", "f0"),
            CONNACK
                + suback(1, "\0".repeat(MqttSession.MAX_FILTERS) + "\200")
                + suback(2, "\200\0")),
        row(
            "3.8.4-5",
            C + subscribe(1, half) + subscribe(2, half + "f") + subscribe(3, "f"),
            CONNACK + suback(1, "\0") + suback(2, "\200") + suback(3, "\0")),
        closing("3.10.3-2", packet(0xa2, id(1))),
        row(
            "3.10.4-1",
            C
                + subscribe(1, "a/b")
                + unsubscribe(2, "a/+", "#", "A/b", "a/b/")
                + publish("a/b", "x"),
            SUBACK + unsuback(2) + publish("a/b", "x")),
        row(
            "3.10.4-2, 3.10.4-4",
            C + subscribe(1, "a") + a + unsubscribe(2, "a") + a + PING,
            SUBACK + a + unsuback(2) + PONG),
        row("3.10.4-5", C + unsubscribe(3, "never"), CONNACK + unsuback(3)),
        row(
            "3.10.4-6",
            C + subscribe(1, "a", "b") + unsubscribe(2, "a", "b") + a + publish("b", "x") + PING,
            CONNACK + suback(1, "\0\0") + unsuback(2) + PONG),
        closing("4.7.1-2", subscribe(1, "a#")),
        closing("4.7.1-2", subscribe(1, "a/#/b")),
        closing("4.7.1-3", subscribe(1, "a", "b+")),
        closing("4.7.1-3", unsubscribe(1, "+a/b")),
        row(
            "4.7.2-1",
            C + subscribe(1, "#", "+/a") + publish("$SYS/a", "x") + PING,
            CONNACK + suback(1, "\0\0") + PONG),
        row(
            "4.7.2-1",
            C + subscribe(1, "$SYS/#") + publish("$SYS/a", "x"),
            SUBACK + publish("$SYS/a", "x")),
        closing("4.7.3-1", subscribe(1, "")),
        closing("4.7.3-1", unsubscribe(1, "")),
        row(
            "4.7.3-3",
            C + subscribe(1, "a/".repeat(30_000)) + publish("a/".repeat(30_000), "x"),
            SUBACK + publish("a/".repeat(30_000), "x")),
        row(
            "4.7.3-4",
            C
                + subscribe(1, "e\u0301", " a", "A")
                + publish("\u00e9", "x")
                + a
                + publish("a ", "x")
                + PING,
            CONNACK + suback(1, "\0\0\0") + PONG),
        row(
            "4.7.3-4: unassigned and private characters",
            SUBSCRIBED + publish("\ufffd\ue000\udbff\udfff", "x"),
            SUBACK + publish("\ufffd\ue000\udbff\udfff", "x")));
  }

  // Statements about two clients.

  private RawClient client(String sends, String receives) throws Exception {
    RawClient client = new RawClient(server.port());
    assertThat(client.sends(sends).receives(receives.length())).isEqualTo(receives);
    return client;
  }

  private RawClient subscriber(String filter) throws Exception {
    return client(C + subscribe(1, filter), SUBACK);
  }

  private static String withWill(int flags, String topic) {
    return connect(CLEAN | WILL | flags, text("") + text(topic) + text("gone"));
  }

  /** [MQTT-3.1.2-8], [MQTT-3.1.2-10]: published once. */
  @Test
  void willIsPublishedWhenTheConnectionIsLost() throws Exception {
    try (RawClient subscriber = subscriber("lost")) {
      client(withWill(0, "lost"), CONNACK).close();
      String will = publish("lost", "gone");
      assertThat(subscriber.receives(will.length())).isEqualTo(will);
      assertThat(subscriber.sends(PING).receives(2)).isEqualTo(PONG);
    }
  }

  /** [MQTT-3.1.2-8]: a violation of the protocol is no DISCONNECT. */
  @Test
  void willIsPublishedWhenTheServerCloses() throws Exception {
    try (RawClient subscriber = subscriber("violated")) {
      client(withWill(0, "violated") + packet(0xe0, "\0"), CONNACK).close();
      String will = publish("violated", "gone");
      assertThat(subscriber.receives(will.length())).isEqualTo(will);
    }
  }

  /** [MQTT-3.1.2-16], [MQTT-3.3.1-9]: not as a retained message. */
  @Test
  void willIsDeliveredWithoutItsFlags() throws Exception {
    try (RawClient subscriber = subscriber("flags")) {
      client(withWill(WILL_RETAIN | 0x08, "flags"), CONNACK).close();
      String will = publish("flags", "gone");
      assertThat(subscriber.receives(will.length())).isEqualTo(will);
    }
  }

  /** [MQTT-3.1.2-10], [MQTT-3.14.4-3]. */
  @Test
  void willIsDroppedAtADisconnect() throws Exception {
    try (RawClient subscriber = subscriber("dropped")) {
      assertThat(exchange(withWill(0, "dropped") + DISCONNECT)).isEqualTo(CONNACK);
      assertThat(subscriber.sends(PING).receives(2)).isEqualTo(PONG);
    }
  }

  /** [MQTT-3.1.2-12]. */
  @Test
  void clientWithoutAWillLeavesSilently() throws Exception {
    try (RawClient subscriber = subscriber("#")) {
      client(C, CONNACK).close();
      assertThat(exchange(C + DISCONNECT)).isEqualTo(CONNACK);
      assertThat(subscriber.sends(PING).receives(2)).isEqualTo(PONG);
    }
  }

  /** [MQTT-3.1.3-1]: the order of the fields. */
  @Test
  void fieldsOfConnectAreReadInTheirOrder() throws Exception {
    String connect =
        connect(
            CLEAN | WILL | USER_NAME | PASSWORD,
            text("fields") + text("order") + raw("\0\u00ff") + text("user") + raw("\u00ff\0"));
    try (RawClient subscriber = subscriber("order")) {
      client(connect, CONNACK).close();
      String will = publish("order", "\0\u00ff");
      assertThat(subscriber.receives(will.length())).isEqualTo(will);
    }
  }

  /** [MQTT-3.1.3-2], [MQTT-3.1.4-2], [MQTT-3.1.2-6], [MQTT-3.1.4-3]. */
  @Test
  void secondClientWithAnIdTakesThePlaceOfTheFirstWithoutItsState() throws Exception {
    try (RawClient first = client(connect("twin") + subscribe(1, "t"), SUBACK);
        RawClient second = client(connect("twin"), CONNACK)) {
      assertThat(first.receivesAll()).isEmpty();
      second.sends(publish("t", "x") + PING);
      assertThat(second.receives(2)).isEqualTo(PONG);
    }
  }

  /** [MQTT-3.1.3-6]: each has an identifier of its own. */
  @Test
  void clientsWithoutAnIdAreServedAtTheSameTime() throws Exception {
    try (RawClient first = client(C, CONNACK);
        RawClient second = client(C, CONNACK)) {
      assertThat(first.sends(PING).receives(2)).isEqualTo(PONG);
      assertThat(second.sends(PING).receives(2)).isEqualTo(PONG);
    }
  }

  /** The packets that a web page makes a browser send. */
  @Test
  void requestOfABrowserIsRefused() throws Exception {
    String body = C + publish("a", "x");
    try (RawClient subscriber = subscriber("#")) {
      for (String method : List.of("GET", "POST", "OPTIONS", "HEAD")) {
        assertThat(exchange(method + " / HTTP/1.1\r\nHost: x\r\n\r\n" + body)).isEmpty();
      }
      assertThat(subscriber.sends(PING).receives(2)).isEqualTo(PONG);
    }
  }
}
