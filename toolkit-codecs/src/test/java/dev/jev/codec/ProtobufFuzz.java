package dev.jev.codec;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import dev.jev.test.FuzzedProtocol;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProtobufFuzz {

  private static final FuzzedProtocol<FileDescriptorProto, FileDescriptorProto> PROTOCOL =
      new FuzzedProtocol<>(
          () -> Protocols.protobuf(FileDescriptorProto.parser()), Function.identity());

  @FuzzTest
  void messagesAreThoseThatProtobufItselfReads(byte[] input) throws IOException {
    PROTOCOL.checkSplits(input);
    List<FileDescriptorProto> messages = PROTOCOL.checkAllocation(input).messages();
    ByteArrayInputStream stream = new ByteArrayInputStream(input);
    for (FileDescriptorProto message : messages) {
      assertThat(message).isEqualTo(FileDescriptorProto.parseDelimitedFrom(stream));
    }
    PROTOCOL.checkRoundTrip(
        messages, Protocols.protobuf(FileDescriptorProto.parser()), Function.identity());
  }
}
