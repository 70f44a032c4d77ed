package dev.jev.samples.mqtt;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.mqtt.MqttConnectMessage;
import io.netty.handler.codec.mqtt.MqttConnectReturnCode;
import io.netty.handler.codec.mqtt.MqttConnectVariableHeader;
import io.netty.handler.codec.mqtt.MqttIdentifierRejectedException;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.handler.codec.mqtt.MqttMessageBuilders;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import io.netty.handler.codec.mqtt.MqttQoS;
import io.netty.handler.codec.mqtt.MqttSubscribeMessage;
import io.netty.handler.codec.mqtt.MqttTopicSubscription;
import io.netty.handler.codec.mqtt.MqttUnsubscribeMessage;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Delivers each publication to the subscribers of its topic, at most once (QoS 0). A slow
 * subscriber misses publications. No publication is retained, and no session outlives its
 * connection. QoS 2 is refused.
 *
 * <p>A client that violates a rule of MQTT is disconnected (MQTT 3.1.1, 4.8).
 */
final class MqttBroker implements Handler<MqttMessage, Object> {

  /** Time in which a client has to send its CONNECT. */
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

  private final LongSupplier nanoTime;
  private final Map<Connection<Object>, MqttSession> sessions = new ConcurrentHashMap<>();
  private final Map<String, Connection<Object>> clients = new ConcurrentHashMap<>(); // by their id

  MqttBroker() {
    this(System::nanoTime);
  }

  MqttBroker(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  @Override
  public void onConnect(Connection<Object> connection) {
    connection.runAfter(
        CONNECT_TIMEOUT,
        () -> {
          if (!sessions.containsKey(connection)) {
            connection.close();
          }
        });
  }

  @Override
  public void onMessage(Connection<Object> connection, MqttMessage message) {
    MqttSession session = sessions.get(connection);
    if (message.decoderResult().isFailure()) {
      if (message.decoderResult().cause() instanceof MqttIdentifierRejectedException) {
        answer(connection, MqttConnectReturnCode.CONNECTION_REFUSED_IDENTIFIER_REJECTED);
      }
      connection.close();
    } else if (session != null) {
      session.packetArrived();
      serve(connection, session, message);
    } else if (message instanceof MqttConnectMessage connect) {
      connect(connection, connect);
    } else {
      connection.close(); // MQTT 3.1.1, 3.1
    }
  }

  @Override
  public void onClose(Connection<Object> connection, CloseReason reason) {
    MqttSession session = sessions.remove(connection);
    if (session == null) {
      return;
    }
    clients.remove(session.clientId(), connection);
    MqttSession.@Nullable Will will = session.will();
    if (will != null) {
      publish(will.topic(), will.payload());
    }
  }

  private void connect(Connection<Object> connection, MqttConnectMessage message) {
    MqttConnectVariableHeader header = message.variableHeader();
    String id = message.payload().clientIdentifier();
    MqttSession.@Nullable Will will = null;
    if (header.isWillFlag()) {
      String topic = message.payload().willTopic();
      if (topic == null || !MqttFilter.isTopic(topic)) {
        connection.close();
        return;
      }
      will = new MqttSession.Will(topic, message.payload().willMessageInBytes());
    }
    if (id.isEmpty() && !header.isCleanSession()) {
      answer(connection, MqttConnectReturnCode.CONNECTION_REFUSED_IDENTIFIER_REJECTED);
      connection.close();
      return;
    }
    MqttSession session = new MqttSession(id, header.keepAliveTimeSeconds(), will, nanoTime);
    sessions.put(connection, session);
    Connection<Object> previous = id.isEmpty() ? null : clients.put(id, connection);
    if (previous != null) {
      previous.close(); // MQTT 3.1.1, 3.1.4
    }
    answer(connection, MqttConnectReturnCode.CONNECTION_ACCEPTED);
    if (session.expectsPackets()) {
      connection.runTicker(() -> closeIfLost(connection, session));
    }
  }

  private static void answer(Connection<Object> connection, MqttConnectReturnCode code) {
    connection.send(MqttMessageBuilders.connAck().returnCode(code).build());
  }

  /** Closes a connection whose client is lost; returns the time until the next check. */
  private static Duration closeIfLost(Connection<Object> connection, MqttSession session) {
    Duration left = session.timeLeft();
    if (left.isZero() || left.isNegative()) {
      connection.close();
      return CONNECT_TIMEOUT; // until the connection has closed
    }
    return left;
  }

  private void serve(Connection<Object> connection, MqttSession session, MqttMessage message) {
    switch (message.fixedHeader().messageType()) {
      case PUBLISH -> publish(connection, (MqttPublishMessage) message);
      case SUBSCRIBE -> subscribe(connection, session, (MqttSubscribeMessage) message);
      case UNSUBSCRIBE -> unsubscribe(connection, session, (MqttUnsubscribeMessage) message);
      case PINGREQ -> connection.send(MqttMessage.PINGRESP);
      case DISCONNECT -> {
        session.dropWill();
        connection.close();
      }
      default -> connection.close(); // including a second CONNECT
    }
  }

  private void publish(Connection<Object> connection, MqttPublishMessage message) {
    String topic = message.variableHeader().topicName();
    MqttQoS qos = message.fixedHeader().qosLevel();
    boolean again = message.fixedHeader().isDup();
    if (!MqttFilter.isTopic(topic)
        || qos == MqttQoS.EXACTLY_ONCE
        || (qos == MqttQoS.AT_MOST_ONCE && again)) {
      connection.close();
      return;
    }
    publish(topic, ByteBufUtil.getBytes(message.payload()));
    if (qos == MqttQoS.AT_LEAST_ONCE) {
      int id = message.variableHeader().packetId();
      connection.send(MqttMessageBuilders.pubAck().packetId(id).build());
    }
  }

  private void publish(String topic, byte[] payload) {
    sessions.forEach(
        (subscriber, session) -> {
          if (subscriber.isWritable() && session.wants(topic)) {
            subscriber.send(publication(topic, payload));
          }
        });
  }

  private static MqttPublishMessage publication(String topic, byte[] payload) {
    return MqttMessageBuilders.publish()
        .topicName(topic)
        .qos(MqttQoS.AT_MOST_ONCE)
        .payload(Unpooled.wrappedBuffer(payload))
        .build();
  }

  private static void subscribe(
      Connection<Object> connection, MqttSession session, MqttSubscribeMessage message) {
    List<MqttTopicSubscription> wanted = message.payload().topicSubscriptions();
    if (!wanted.stream().map(MqttTopicSubscription::topicFilter).allMatch(MqttFilter::isValid)) {
      connection.close();
      return;
    }
    MqttMessageBuilders.SubAckBuilder answer =
        MqttMessageBuilders.subAck().packetId(message.variableHeader().messageId());
    for (MqttTopicSubscription one : wanted) {
      boolean granted = session.subscribe(new MqttFilter(one.topicFilter()));
      answer.addGrantedQos(granted ? MqttQoS.AT_MOST_ONCE : MqttQoS.FAILURE);
    }
    connection.send(answer.build());
  }

  private static void unsubscribe(
      Connection<Object> connection, MqttSession session, MqttUnsubscribeMessage message) {
    List<String> filters = message.payload().topics();
    if (!filters.stream().allMatch(MqttFilter::isValid)) {
      connection.close();
      return;
    }
    filters.forEach(filter -> session.unsubscribe(new MqttFilter(filter)));
    int id = message.variableHeader().messageId();
    connection.send(MqttMessageBuilders.unsubAck().packetId(id).addReasonCodes().build());
  }
}
