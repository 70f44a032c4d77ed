package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.jev.ProtocolException;
import java.util.HashMap;
import java.util.Map;

/**
 * The types of Protocol Buffers messages that a connection receives and sends, by name.
 *
 * <p>Immutable. Only these types are ever parsed; a message of any other type is refused.
 */
public final class ProtobufTypes {

  /** The maximum number of bytes of a peer's type name that an error message repeats. */
  private static final int SHOWN_BYTES = 64;

  /** The maximum length of a name, which fits the envelopes of all protocols. */
  private static final int MAX_NAME_BYTES = 65_535;

  private final Map<String, Type> byName = new HashMap<>();
  private final Map<Descriptor, Type> byDescriptor = new HashMap<>();

  /** A type and its name in the envelopes. */
  record Type(String name, Parser<? extends Message> parser) {}

  private ProtobufTypes() {}

  /**
   * Returns the types of {@code examples}, under their full names in the {@code .proto} files.
   *
   * @param examples a message of each type, such as its default instance
   * @throws IllegalArgumentException if a type occurs twice
   */
  @SuppressWarnings("exports") // of an optional module
  public static ProtobufTypes of(Message... examples) {
    ProtobufTypes types = new ProtobufTypes();
    for (Message example : examples) {
      types.add(example.getDescriptorForType().getFullName(), example);
    }
    return types;
  }

  /**
   * Returns these types and another one under a name of its own, for peers that do not use the full
   * name.
   *
   * @param name the name of the type, 1 to 65,535 bytes in UTF-8
   * @param example a message of the type, such as its default instance
   * @throws IllegalArgumentException if the name or the type is registered already, or if the name
   *     is empty or too long
   */
  @SuppressWarnings("exports") // of an optional module
  public ProtobufTypes with(String name, Message example) {
    ProtobufTypes types = new ProtobufTypes();
    types.byName.putAll(byName);
    types.byDescriptor.putAll(byDescriptor);
    types.add(name, example);
    return types;
  }

  private void add(String name, Message example) {
    int nameBytes = StrictText.utf8("type name", name).length;
    if (nameBytes == 0 || nameBytes > MAX_NAME_BYTES) {
      throw new IllegalArgumentException(
          "type name: " + nameBytes + " bytes (expected: 1.." + MAX_NAME_BYTES + ")");
    }
    Type type = new Type(name, example.getParserForType());
    if (byName.putIfAbsent(name, type) != null) {
      throw new IllegalArgumentException("type name: " + name + " (expected: each name once)");
    }
    Descriptor descriptor = example.getDescriptorForType();
    if (byDescriptor.putIfAbsent(descriptor, type) != null) {
      throw new IllegalArgumentException(
          "type: " + descriptor.getFullName() + " (expected: each type once)");
    }
  }

  /**
   * Returns the type of an inbound message.
   *
   * @throws ProtocolException if no type is registered under {@code name}
   */
  Type named(String name) {
    Type type = byName.get(name);
    if (type == null) {
      StringBuilder text = new StringBuilder("message type: ");
      Quoted.append(text, name.getBytes(UTF_8), SHOWN_BYTES);
      throw new ProtocolException(text.append(" (expected: a registered type)").toString());
    }
    return type;
  }

  /**
   * Returns the type of an outbound message.
   *
   * @throws IllegalArgumentException if the type is not registered
   */
  Type typeOf(Message message) {
    Descriptor descriptor = message.getDescriptorForType();
    Type type = byDescriptor.get(descriptor);
    if (type == null) {
      throw new IllegalArgumentException(
          "message type: " + descriptor.getFullName() + " (expected: a registered type)");
    }
    return type;
  }
}
