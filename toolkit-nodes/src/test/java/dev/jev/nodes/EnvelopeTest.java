package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.nodes.ClusterTopic.Beginning;
import dev.jev.nodes.MessageCodec.Format;
import dev.jev.nodes.Presence.Change;
import dev.jev.nodes.Presence.Member;
import dev.jev.websocket.WebSocketMessage;
import java.util.List;
import org.junit.jupiter.api.Test;

class EnvelopeTest {

  private static final Position AT = Position.inside("17-0", 3);

  private static String json(WebSocketMessage message) {
    return ((WebSocketMessage.Text) message).text();
  }

  private static String data(String payload, Format format) {
    String json = json(Envelope.message("a", null, payload.getBytes(UTF_8), format));
    assertThat(json).startsWith("{\"topic\":\"a\",\"data\":").endsWith("}");
    return json.substring("{\"topic\":\"a\",\"data\":".length(), json.length() - 1);
  }

  @Test
  void messageHasPositionUnlessItIsAnEvent() {
    byte[] payload = "1".getBytes(UTF_8);
    assertThat(json(Envelope.message("a", AT, payload, Format.JSON)))
        .isEqualTo("{\"topic\":\"a\",\"position\":\"17-0:3\",\"data\":1}");
    assertThat(json(Envelope.message("a", null, payload, Format.JSON)))
        .isEqualTo("{\"topic\":\"a\",\"data\":1}");
  }

  @Test
  void jsonIsEmbeddedAsItIs() {
    assertThat(data(" { \"a\\u0041\" : [1e400, \"ä\uD83D\uDE00\"] }\n", Format.JSON))
        .isEqualTo(" { \"a\\u0041\" : [1e400, \"ä\uD83D\uDE00\"] }\n");
  }

  @Test
  void textBecomesString() {
    assertThat(data("", Format.TEXT)).isEqualTo("\"\"");
    assertThat(data("a\"b\\c\n\u0000\u001f\u007f/ä\uD83D\uDE00\u2028", Format.TEXT))
        .isEqualTo("\"a\\\"b\\\\c\\u000a\\u0000\\u001f\u007f/ä\uD83D\uDE00\u2028\"");
  }

  @Test
  void illFormedTextBecomesReplacementCharacter() {
    byte[] payload = {'a', (byte) 0xff, 'b'};
    assertThat(json(Envelope.message("a", null, payload, Format.TEXT)))
        .isEqualTo("{\"topic\":\"a\",\"data\":\"a\uFFFDb\"}");
  }

  @Test
  void binaryBecomesBase64() {
    assertThat(data("", Format.BINARY)).isEqualTo("\"\"");
    byte[] payload = {(byte) 0xfb, (byte) 0xff, 0, 1};
    assertThat(json(Envelope.message("a", null, payload, Format.BINARY)))
        .isEqualTo("{\"topic\":\"a\",\"data\":\"+/8AAQ==\"}");
  }

  @Test
  void nameOfTopicIsEscaped() {
    assertThat(json(Envelope.unsubscribed("a\"b\\\u0001ä")))
        .isEqualTo("{\"unsubscribed\":\"a\\\"b\\\\\\u0001ä\"}");
  }

  @Test
  void loneSurrogateBecomesQuestionMark() {
    assertThat(json(Envelope.denied("a", "x\uD800y")))
        .isEqualTo("{\"denied\":\"a\",\"reason\":\"x?y\"}");
  }

  @Test
  void gapHasBothPositions() {
    assertThat(json(Envelope.gap("a", Position.after("1-0"), AT)))
        .isEqualTo("{\"gap\":\"a\",\"from\":\"1-0\",\"to\":\"17-0:3\"}");
  }

  @Test
  void rosterListsMembers() {
    List<Member> members = List.of(new Member("u1", "{\"n\":1}"), new Member("u2", ""));
    assertThat(json(Envelope.roster("a", 9, members, 5)))
        .isEqualTo(
            "{\"presence\":\"a\",\"version\":9,\"members\":["
                + "{\"id\":\"u1\",\"info\":\"{\\\"n\\\":1}\"},{\"id\":\"u2\",\"info\":\"\"}"
                + "],\"more\":5}");
    assertThat(json(Envelope.roster("a", 9, List.of(), 0)))
        .isEqualTo("{\"presence\":\"a\",\"version\":9,\"members\":[],\"more\":0}");
  }

  @Test
  void changeIsJoinOrLeave() {
    Member member = new Member("u1", "i");
    assertThat(json(Envelope.change("a", 10, new Change(/* joined= */ true, member))))
        .isEqualTo("{\"presence\":\"a\",\"version\":10,\"joined\":{\"id\":\"u1\",\"info\":\"i\"}}");
    assertThat(json(Envelope.change("a", 11, new Change(/* joined= */ false, member))))
        .isEqualTo("{\"presence\":\"a\",\"version\":11,\"left\":{\"id\":\"u1\",\"info\":\"i\"}}");
  }

  @Test
  void subscriptionBeginsAndEnds() {
    assertThat(json(Envelope.subscribed("a", new Beginning(AT, 12, true), false)))
        .isEqualTo("{\"subscribed\":\"a\",\"position\":\"17-0:3\",\"replayed\":12,\"lost\":false}");
    assertThat(json(Envelope.subscribed("a", new Beginning(null, 0, true), true)))
        .isEqualTo("{\"subscribed\":\"a\",\"replayed\":0,\"lost\":true}");
    assertThat(json(Envelope.unsubscribed("a"))).isEqualTo("{\"unsubscribed\":\"a\"}");
    assertThat(json(Envelope.unsubscribed("a", 1500)))
        .isEqualTo("{\"unsubscribed\":\"a\",\"retry\":1500}");
  }

  @Test
  void publicationSucceedsOrFails() {
    assertThat(json(Envelope.published(7, AT)))
        .isEqualTo("{\"published\":7,\"position\":\"17-0:3\"}");
    assertThat(json(Envelope.published(0, null))).isEqualTo("{\"published\":0}");
    assertThat(json(Envelope.failed(7, "refused", "r")))
        .isEqualTo("{\"failed\":7,\"outcome\":\"refused\",\"reason\":\"r\"}");
  }

  @Test
  void othersAreAsDocumented() {
    assertThat(json(Envelope.heartbeat(25))).isEqualTo("{\"heartbeat\":25}");
    assertThat(json(Envelope.denied("a", ""))).isEqualTo("{\"denied\":\"a\",\"reason\":\"\"}");
    assertThat(json(Envelope.error("e"))).isEqualTo("{\"error\":\"e\"}");
    assertThat(Envelope.reconnect(1500)).isEqualTo("{\"reconnect\":{\"after\":1500}}");
  }
}
