package dev.jev.samples.mqtt;

import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.NettyCodec;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Serves an MQTT broker with Netty's codec, for any client of MQTT 3.1.1 and for browsers. */
@Command(
    name = "mqtt",
    description = "Serves MQTT 3.1.1, also over WebSocket: QoS 0, topics with wildcards.")
public final class Mqtt implements Callable<Integer> {

  private static final int MAX_PACKET_BYTES = 64 * 1024;

  @Mixin private ServerOptions options = new ServerOptions(1883);

  @Override
  public Integer call() throws InterruptedException {
    MqttBroker broker = new MqttBroker();
    Multiplexer port =
        Multiplexer.builder()
            .when(FirstBytes.http(), sockets().tunnel(protocol()), broker)
            .otherwise(protocol(), broker)
            .build();
    return options.serve(Server.builder(port::protocol, port.handler()));
  }

  /** Returns the handshake of MQTT over WebSocket (MQTT 3.1.1, 6), for pages of this server. */
  private static WebSocketServerBuilder sockets() {
    return WebSocketProtocol.server()
        .path("/mqtt")
        .subprotocols("mqtt")
        .requireSubprotocol()
        .http(HttpResponder.at("/", () -> HttpResponse.of(200).text("MQTT: ws on /mqtt\n")));
  }

  static Supplier<Protocol<MqttMessage, Object>> protocol() {
    return NettyCodec.of(
        MqttMessage.class,
        () ->
            List.of(
                new MqttPackets(MAX_PACKET_BYTES),
                new MqttDecoder(MAX_PACKET_BYTES),
                MqttEncoder.INSTANCE));
  }
}
