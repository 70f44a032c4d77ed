package dev.jev.samples.mqtt;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

/** The packets of MQTT 3.1.1 as their bytes, one per character of a text. */
final class MqttBytes {

  static final int CLEAN = 0x02;
  static final int WILL = 0x04;
  static final int WILL_RETAIN = 0x20;
  static final int PASSWORD = 0x40;
  static final int USER_NAME = 0x80;

  static final String CONNACK = packet(0x20, "\0\0");
  static final String PING = packet(0xc0, "");
  static final String PONG = packet(0xd0, "");
  static final String DISCONNECT = packet(0xe0, "");

  private MqttBytes() {}

  static String packet(int first, String rest) {
    StringBuilder length = new StringBuilder();
    int left = rest.length();
    do {
      length.append((char) (left % 128 + (left >= 128 ? 128 : 0)));
      left /= 128;
    } while (left > 0);
    return (char) first + length.toString() + rest;
  }

  /** A string with its length, from its bytes. */
  static String raw(String bytes) {
    return id(bytes.length()) + bytes;
  }

  /** A string with its length, in UTF-8. */
  static String text(String text) {
    return raw(new String(text.getBytes(UTF_8), ISO_8859_1));
  }

  static String id(int id) {
    return "" + (char) (id >> 8) + (char) (id & 0xff);
  }

  /** A CONNECT of a client with a clean session and no keep alive. */
  static String connect(String clientId) {
    return connect(CLEAN, text(clientId));
  }

  static String connect(int flags, String fields) {
    return connect(flags, /* keepAlive= */ 0, fields);
  }

  static String connect(int flags, int keepAlive, String fields) {
    return packet(0x10, text("MQTT") + "\4" + (char) flags + id(keepAlive) + fields);
  }

  static String refusal(int code) {
    return packet(0x20, "\0" + (char) code);
  }

  /** A publication with QoS 0. */
  static String publish(String topic, String payload) {
    return packet(0x30, text(topic) + payload);
  }

  /** A publication with QoS 1. */
  static String publish(int id, String topic, String payload) {
    return packet(0x32, text(topic) + id(id) + payload);
  }

  static String puback(int id) {
    return packet(0x40, id(id));
  }

  static String subscribe(int id, String... filters) {
    StringBuilder payload = new StringBuilder();
    for (String filter : filters) {
      payload.append(text(filter)).append('\0');
    }
    return packet(0x82, id(id) + payload);
  }

  static String suback(int id, String codes) {
    return packet(0x90, id(id) + codes);
  }

  static String unsubscribe(int id, String... filters) {
    StringBuilder payload = new StringBuilder();
    for (String filter : filters) {
      payload.append(text(filter));
    }
    return packet(0xa2, id(id) + payload);
  }

  static String unsuback(int id) {
    return packet(0xb0, id(id));
  }
}
