package dev.jev.codec;

import com.google.protobuf.Any;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A protocol of messages of several types, each in a {@code google.protobuf.Any} after its length.
 */
final class AnyProtocol implements Protocol<Message, Message> {

  /** any.proto: the sender chooses what precedes the last slash; this is the usual prefix. */
  private static final String URL_PREFIX = "type.googleapis.com/";

  private final ProtobufTypes types;
  private final EncodingKey encodingKey;

  AnyProtocol(ProtobufTypes types) {
    this.types = types;
    this.encodingKey = new EncodingKey(AnyProtocol.class, types);
  }

  @Override
  public @Nullable Message unpack(ProtocolContext context, ByteBuf in) {
    int length = VarintLength.take(context, in);
    if (length < 0) {
      return null;
    }
    Any envelope = ProtobufBytes.parseView(Any.parser(), in.readSlice(length));
    String url = envelope.getTypeUrl();
    String name = url.substring(url.lastIndexOf('/') + 1);
    return ProtobufBytes.parse(types.named(name).parser(), envelope.getValue());
  }

  @Override
  public void pack(Message message, ByteBuf out) {
    String url = URL_PREFIX + types.typeOf(message).name();
    int length = CodedOutputStream.computeStringSize(Any.TYPE_URL_FIELD_NUMBER, url);
    if (message.getSerializedSize() > 0) {
      length += CodedOutputStream.computeMessageSize(Any.VALUE_FIELD_NUMBER, message);
    }
    VarintLength.write(length, out);
    ProtobufBytes.write(envelope -> write(url, message, envelope), length, out);
  }

  @Override
  public Object encodingKey() {
    return encodingKey;
  }

  /**
   * Writes an {@code Any}. Its value is a field of bytes that contains the message, which is
   * encoded like a field of a message type.
   */
  private static void write(String url, Message message, CodedOutputStream out) throws IOException {
    out.writeString(Any.TYPE_URL_FIELD_NUMBER, url);
    if (message.getSerializedSize() > 0) {
      out.writeMessage(Any.VALUE_FIELD_NUMBER, message);
    }
  }
}
