package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MqttIT {

  private static final String CONNECT = "\20\15\0\4MQTT\4\2\0\74\0\1a"; // clean, 60 s, client "a"
  private static final String CONNACK = "\40\2\0\0";

  private static final String LINE_BY_LINE =
      "stdbuf"; // without it, the output arrives only at the end

  private Program server;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("mqtt", "--port", "0");
  }

  @AfterAll
  void stop() throws Exception {
    try (Program server = this.server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void mosquittoSubGetsWhatMosquittoPubPublishes() throws Exception {
    Program.require("mosquitto_sub", "mosquitto_pub");
    String port = String.valueOf(server.port());
    try (Program sub =
        Program.start(
            LINE_BY_LINE,
            "-oL",
            "mosquitto_sub",
            "-d",
            "-v",
            "-C",
            "2",
            "-p",
            port,
            "-t",
            "home/+/light/#")) {
      for (String line = sub.line(); !line.startsWith("Subscribed"); line = sub.line()) {
        assertThat(line).as("before the subscription").doesNotContain("Error");
      }
      publish(port, "home/kitchen/heating", "warm");
      publish(port, "home/kitchen/light", "on");
      publish(port, "home/hall/light/left", "off");
      assertThat(sub.exitStatus()).isZero();
      assertThat(sub.output())
          .contains("home/kitchen/light on", "home/hall/light/left off")
          .noneMatch(line -> line.contains("warm"));
    }
  }

  private static void publish(String port, String topic, String text) throws Exception {
    try (Program pub =
        Program.start("mosquitto_pub", "-q", "1", "-p", port, "-t", topic, "-m", text)) {
      assertThat(pub.exitStatus()).as("%s", pub.errors()).isZero();
    }
  }

  @Test
  void subscriptionsBeginAndEnd() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      assertThat(client.sends(CONNECT).receives(4)).isEqualTo(CONNACK);
      client.sends("\202\16\0\1\0\3a/b\0\0\3c/#\0");
      assertThat(client.receives(6)).isEqualTo("\220\4\0\1\0\0");
      client.sends("\60\7\0\3a/bhi"); // publish to a/b
      assertThat(client.receives(9)).isEqualTo("\60\7\0\3a/bhi");
      client.sends("\242\7\0\2\0\3a/b"); // unsubscribe
      assertThat(client.receives(4)).isEqualTo("\260\2\0\2");
      client.sends("\60\7\0\3a/bhi" + "\300\0"); // without subscribers; then a ping
      assertThat(client.receives(2)).isEqualTo("\320\0");
      assertThat(client.sends("\340\0").receivesAll()).isEmpty(); // disconnect
    }
  }

  @Test
  void whoDoesNotBeginWithConnectIsClosed() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("\300\0").receivesAll()).isEmpty();
    }
  }

  @Test
  void secondConnectAndGarbageCloseTheConnection() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      assertThat(client.sends(CONNECT + CONNECT).receivesAll()).isEqualTo(CONNACK);
    }
    try (RawClient client = new RawClient(server.port())) {
      assertThat(client.sends(CONNECT + "\377\377\377\377\377").receivesAll()).isEqualTo(CONNACK);
    }
  }
}
