package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** MQTT.js over WebSocket, in Node and in Chromium, against the sample `mqtt`. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@CallsPrograms
class MqttWebIT {

  private static final String VERSION = "5.16.0";

  /** Subscribes, and prints what it gets; the second argument is the package, the third the URI. */
  private static final String SUBSCRIBER =
      """
      const client = require(process.argv[1]).connect(process.argv[2], {protocolVersion: 4});
      client.on('connect', () => client.subscribe('home/#', () => console.log('subscribed')));
      client.on('message', (topic, payload) => {
        console.log(topic + ' ' + payload.length + ' ' + payload.toString().slice(0, 5));
        if (topic === 'home/end') client.end();
      });
      client.on('error', e => { console.log('error ' + e); process.exit(1); });
      """;

  private static final String PAGE =
      """
      return new Promise(done => {
        window.heard = [];
        window.client = mqtt.connect(arguments[0], {protocolVersion: 4});
        client.on('message', (topic, payload) => heard.push(topic + ' ' + payload));
        client.on('connect', () => client.subscribe('home/#', () => done('subscribed')));
      });
      """;

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

  private String uri() {
    return "ws://127.0.0.1:" + server.port() + "/mqtt";
  }

  @Test
  void mqttJsGetsWhatMosquittoPubPublishesOverTcp() throws Exception {
    Program.require("node", "mosquitto_pub");
    Path mqtt = NodePackage.directory("mqtt", VERSION);
    try (Program node = Program.start("node", "-e", SUBSCRIBER, mqtt.toString(), uri())) {
      assertThat(node.line()).isEqualTo("subscribed");
      publish("home/kitchen", "on");
      publish("home/hall", "x".repeat(40_000));
      publish("home/end", "");
      assertThat(node.line()).isEqualTo("home/kitchen 2 on");
      assertThat(node.line()).isEqualTo("home/hall 40000 xxxxx");
      assertThat(node.line()).isEqualTo("home/end 0 ");
      assertThat(node.exitStatus()).isZero();
    }
  }

  private void publish(String topic, String text) throws Exception {
    String port = String.valueOf(server.port());
    try (Program pub =
        Program.start("mosquitto_pub", "-q", "1", "-p", port, "-t", topic, "-m", text)) {
      assertThat(pub.exitStatus()).as("%s", pub.errors()).isZero();
    }
  }

  @Test
  void pageInChromiumTalksToMosquittoOverTcp(@TempDir Path profile) throws Exception {
    Program.require("node", "mosquitto_pub", "mosquitto_sub");
    Path mqtt = NodePackage.directory("mqtt", VERSION);
    String port = String.valueOf(server.port());
    try (Browser browser = Browser.start(profile);
        Program sub = Program.start("mosquitto_sub", "-v", "-C", "1", "-p", port, "-t", "page")) {
      browser.opens("http://127.0.0.1:" + port + "/");
      browser.runs(
          Files.readString(mqtt.resolve("dist/mqtt.min.js"), UTF_8) + "\nwindow.mqtt = mqtt");
      assertThat(browser.runs(PAGE, uri()).asString()).isEqualTo("subscribed");
      publish("home/kitchen", "warm");
      browser.awaits("heard[0] === 'home/kitchen warm'");
      // mosquitto_sub says nothing when it has subscribed, so the page publishes until it answers.
      browser.runs("window.speaking = setInterval(() => client.publish('page', 'here'), 50)");
      assertThat(sub.line()).isEqualTo("page here");
      browser.runs("clearInterval(speaking); client.end()");
    }
  }

  @Test
  void otherSubprotocolIsRefused() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      client.requestsWebSocket("/mqtt");
      assertThat(client.receivesLine()).isEqualTo("HTTP/1.1 400 Bad Request\r");
    }
  }
}
