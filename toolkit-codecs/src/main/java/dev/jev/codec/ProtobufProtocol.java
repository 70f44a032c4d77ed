package dev.jev.codec;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** A protocol of messages of one type, each after its length as a varint. */
final class ProtobufProtocol<I extends MessageLite, O extends MessageLite>
    implements Protocol<I, O> {

  private final Parser<I> parser;

  ProtobufProtocol(Parser<I> parser) {
    this.parser = parser;
  }

  @Override
  public @Nullable I unpack(ProtocolContext context, ByteBuf in) {
    int length = VarintLength.take(context, in);
    return length < 0 ? null : ProtobufBytes.parse(parser, in.readSlice(length));
  }

  @Override
  public void pack(O message, ByteBuf out) {
    int length = message.getSerializedSize();
    VarintLength.write(length, out);
    ProtobufBytes.write(message::writeTo, length, out);
  }

  @Override
  public Object encodingKey() {
    return ProtobufProtocol.class;
  }
}
