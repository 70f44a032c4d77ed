package dev.jev.samples.mqtt;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.mqtt.MqttConnectMessage;
import io.netty.handler.codec.mqtt.MqttConnectReturnCode;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.handler.codec.mqtt.MqttMessageBuilders;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import io.netty.handler.codec.mqtt.MqttQoS;
import io.netty.handler.codec.mqtt.MqttSubscribeMessage;
import io.netty.handler.codec.mqtt.MqttTopicSubscription;
import io.netty.handler.codec.mqtt.MqttUnsubscribeMessage;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Delivers each publication to the subscribers of its topic, at most once (QoS 0). A slow
 * subscriber misses publications. No publication is retained. QoS 2 is refused.
 */
final class MqttBroker implements Handler<MqttMessage, Object> {

  private static final int VERSION_3_1_1 = 4;

  private final Map<Connection<Object>, Set<MqttFilter>> subscribers = new ConcurrentHashMap<>();

  @Override
  public void onMessage(Connection<Object> connection, MqttMessage message) {
    boolean malformed = message.decoderResult().isFailure();
    if (!malformed && message instanceof MqttConnectMessage connect) {
      connect(connection, connect);
    } else if (malformed || !subscribers.containsKey(connection)) {
      connection.close(); // MQTT 3.1.1, 3.1 and 4.8
    } else {
      serve(connection, message);
    }
  }

  @Override
  public void onClose(Connection<Object> connection, CloseReason reason) {
    subscribers.remove(connection);
  }

  private void connect(Connection<Object> connection, MqttConnectMessage message) {
    boolean supported = message.variableHeader().version() <= VERSION_3_1_1;
    boolean first = subscribers.putIfAbsent(connection, ConcurrentHashMap.newKeySet()) == null;
    if (first) {
      MqttConnectReturnCode code =
          supported
              ? MqttConnectReturnCode.CONNECTION_ACCEPTED
              : MqttConnectReturnCode.CONNECTION_REFUSED_UNACCEPTABLE_PROTOCOL_VERSION;
      connection.send(MqttMessageBuilders.connAck().returnCode(code).build());
    }
    if (!first || !supported) {
      connection.close();
    }
  }

  private void serve(Connection<Object> connection, MqttMessage message) {
    switch (message.fixedHeader().messageType()) {
      case PUBLISH -> publish(connection, (MqttPublishMessage) message);
      case SUBSCRIBE -> subscribe(connection, (MqttSubscribeMessage) message);
      case UNSUBSCRIBE -> unsubscribe(connection, (MqttUnsubscribeMessage) message);
      case PINGREQ -> connection.send(MqttMessage.PINGRESP);
      default -> connection.close(); // including DISCONNECT
    }
  }

  private void publish(Connection<Object> connection, MqttPublishMessage message) {
    String topic = message.variableHeader().topicName();
    byte[] payload = ByteBufUtil.getBytes(message.payload());
    subscribers.forEach(
        (subscriber, filters) -> {
          if (subscriber.isWritable() && filters.stream().anyMatch(f -> f.matches(topic))) {
            subscriber.send(publication(topic, payload));
          }
        });
    switch (message.fixedHeader().qosLevel()) {
      case AT_MOST_ONCE -> {}
      case AT_LEAST_ONCE ->
          connection.send(
              MqttMessageBuilders.pubAck().packetId(message.variableHeader().packetId()).build());
      default -> connection.close();
    }
  }

  private static MqttPublishMessage publication(String topic, byte[] payload) {
    return MqttMessageBuilders.publish()
        .topicName(topic)
        .qos(MqttQoS.AT_MOST_ONCE)
        .payload(Unpooled.wrappedBuffer(payload))
        .build();
  }

  private void subscribe(Connection<Object> connection, MqttSubscribeMessage message) {
    MqttMessageBuilders.SubAckBuilder answer =
        MqttMessageBuilders.subAck().packetId(message.variableHeader().messageId());
    for (MqttTopicSubscription wanted : message.payload().topicSubscriptions()) {
      boolean valid = MqttFilter.isValid(wanted.topicFilter());
      if (valid) {
        filters(connection).add(new MqttFilter(wanted.topicFilter()));
      }
      answer.addGrantedQos(valid ? MqttQoS.AT_MOST_ONCE : MqttQoS.FAILURE);
    }
    connection.send(answer.build());
  }

  private void unsubscribe(Connection<Object> connection, MqttUnsubscribeMessage message) {
    message.payload().topics().forEach(topic -> filters(connection).remove(new MqttFilter(topic)));
    int id = message.variableHeader().messageId();
    connection.send(MqttMessageBuilders.unsubAck().packetId(id).addReasonCodes().build());
  }

  private Set<MqttFilter> filters(Connection<Object> connection) {
    return subscribers.getOrDefault(connection, Set.of());
  }
}
