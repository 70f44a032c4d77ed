package dev.jev.codec;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import dev.jev.test.FuzzedProtocol;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProtobufTypesFuzz {

  private static final ProtobufTypes TYPES =
      ProtobufTypes.of(Struct.getDefaultInstance()).with("d", DescriptorProto.getDefaultInstance());
  private static final FuzzedProtocol<Message, Message> PROTOCOL =
      new FuzzedProtocol<>(() -> Protocols.protobuf(TYPES), Function.identity());

  @FuzzTest
  void messagesOfAllTypesAreTheSameAfterHavingBeenPacked(byte[] input) {
    PROTOCOL.checkSplits(input);
    PROTOCOL.checkRoundTrip(
        PROTOCOL.checkAllocation(input).messages(),
        Protocols.protobuf(TYPES),
        Function.<Message>identity());
  }
}
