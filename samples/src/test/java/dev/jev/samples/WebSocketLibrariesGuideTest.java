package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.plugin.Limits;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketMessage.Text;
import dev.jev.websocket.WebSocketProtocol;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs the code of docs/coming-from-java-websocket-spring-vertx.md: its Java blocks are regions of
 * this class.
 */
@Timeout(60)
class WebSocketLibrariesGuideTest {

  // region prices
  static final class Prices implements Handler<WebSocketMessage, WebSocketMessage> {

    private final Topic<WebSocketMessage> prices = Topic.of("prices");

    void publish(String price) { // from any thread
      prices.publish(WebSocketMessage.text(price));
    }

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      prices.subscribe(connection, SlowConsumer.dropOldest());
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      connection.send(WebSocketMessage.text("you said " + ((Text) message).text()));
    }
  }

  static Server start(Prices prices, String uri) {
    return Server.builder(WebSocketProtocol.server().path("/prices").textOnly().build(), prices)
        .plugin(Limits.builder().writeStallTimeout().build())
        .listen(uri)
        .start();
  }

  // endregion

  private static final String ANY_PORT = "tcp://127.0.0.1:0";

  private static void awaitSize(Prices prices, int size) {
    while (prices.prices.size() != size) {
      Thread.onSpinWait();
    }
  }

  @Test
  void pricesArePushedToAllClients() throws Exception {
    Prices prices = new Prices();
    try (Server server = start(prices, ANY_PORT)) {
      WebSocketTexts ann = WebSocketTexts.connect(server.port(), "/prices");
      WebSocketTexts bob = WebSocketTexts.connect(server.port(), "/prices");
      ann.sends("hi").expect("you said hi");
      awaitSize(prices, 2);
      prices.publish("ACME 42");
      ann.expect("ACME 42");
      assertThat(bob.next()).isEqualTo("ACME 42");
    }
  }

  @Test
  void clientThatDoesNotReadLosesOldPricesAndDelaysNoOther() throws Exception {
    Prices prices = new Prices();
    String padding = "x".repeat(32 * 1024);
    try (Server server = start(prices, ANY_PORT);
        RawClient slow = new RawClient(server.port())) {
      slow.requestsWebSocket("/prices");
      WebSocketTexts fast = WebSocketTexts.connect(server.port(), "/prices");
      awaitSize(prices, 2);
      for (int i = 0; prices.prices.counts().dropped() == 0; i++) {
        prices.publish(i + padding);
        assertThat(fast.next()).isEqualTo(i + padding);
      }
      fast.sends("hi").expect("you said hi");
      slow.leaves();
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown(
        "docs/coming-from-java-websocket-spring-vertx.md", WebSocketLibrariesGuideTest.class);
  }
}
