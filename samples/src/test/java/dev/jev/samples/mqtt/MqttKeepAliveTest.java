package dev.jev.samples.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.test.InMemoryConnection;
import dev.jev.test.ManualClock;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.handler.codec.mqtt.MqttMessageBuilders;
import io.netty.handler.codec.mqtt.MqttVersion;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** MQTT 3.1.1, 3.1.2.10. */
@Timeout(60)
class MqttKeepAliveTest {

  private final ManualClock clock = new ManualClock();
  private final InMemoryConnection<MqttMessage, Object> connection =
      InMemoryConnection.<MqttMessage, Object>to(new MqttBroker(clock::nanoTime), clock).open();

  private void connect(int keepAliveSeconds) {
    connection.receive(
        MqttMessageBuilders.connect()
            .clientId("a")
            .protocolVersion(MqttVersion.MQTT_3_1_1)
            .cleanSession(true)
            .keepAlive(keepAliveSeconds)
            .build());
  }

  private boolean isOpenAfter(Duration time) {
    clock.advance(time);
    return connection.run().isOpen();
  }

  /** [MQTT-3.1.2-24]. */
  @Test
  void silentClientIsDisconnectedAfterOneAndAHalfTimesItsKeepAlive() {
    connect(10);
    assertThat(isOpenAfter(Duration.ofMillis(14_999))).isTrue();
    assertThat(isOpenAfter(Duration.ofMillis(1))).isFalse();
    assertThat(connection.sent()).hasSize(1);
  }

  /** [MQTT-3.1.2-24]. */
  @Test
  void anyPacketKeepsAClientAlive() {
    connect(10);
    for (int i = 0; i < 100; i++) {
      assertThat(isOpenAfter(Duration.ofSeconds(14))).isTrue();
      connection.receive(MqttMessage.PINGREQ);
    }
    assertThat(isOpenAfter(Duration.ofMillis(14_999))).isTrue();
    assertThat(isOpenAfter(Duration.ofMillis(1))).isFalse();
  }

  @Test
  void clientWithoutKeepAliveMayBeSilent() {
    connect(0);
    assertThat(isOpenAfter(Duration.ofDays(30))).isTrue();
  }

  @Test
  void longestKeepAliveIsHonoured() {
    connect(65_535);
    assertThat(isOpenAfter(Duration.ofSeconds(98_302))).isTrue();
    assertThat(isOpenAfter(Duration.ofSeconds(1))).isFalse();
  }

  /** MQTT 3.1.1, 3.1.4: within a reasonable time. */
  @Test
  void clientThatDoesNotConnectIsDisconnected() {
    assertThat(isOpenAfter(Duration.ofMillis(9_999))).isTrue();
    assertThat(isOpenAfter(Duration.ofMillis(1))).isFalse();
  }
}
