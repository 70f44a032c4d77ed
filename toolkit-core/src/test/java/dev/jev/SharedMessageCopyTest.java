package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.DefaultByteBufHolder;
import org.junit.jupiter.api.Test;

/** The memory that a message keeps while it is queued or retained. */
class SharedMessageCopyTest {

  private static final int LARGE_BYTES = 64 * 1024;

  /** A holder whose copies are of another class, as if it did not override {@code replace}. */
  private static final class Envelope extends DefaultByteBufHolder {
    Envelope(ByteBuf content) {
      super(content);
    }
  }

  /** A buffer as a loop reads into, with a text at its beginning. */
  private static ByteBuf large() {
    ByteBuf buffer = Loop.ALLOCATOR.directBuffer(LARGE_BYTES, LARGE_BYTES);
    buffer.writeCharSequence("hello", US_ASCII);
    return buffer.writeZero(buffer.writableBytes());
  }

  @Test
  void smallPartOfLargeBufferIsCopied() {
    ByteBuf large = large();
    SharedMessage<ByteBuf> message = SharedMessage.of(large.readRetainedSlice(5));
    large.release();
    assertThat(large.refCnt()).isZero();
    assertThat(message.message().toString(US_ASCII)).isEqualTo("hello");
    assertThat(message.size()).isEqualTo(101);
    ByteBuf copy = message.message();
    message.release();
    assertThat(copy.refCnt()).isZero();
  }

  @Test
  void smallPartInHolderIsCopied() {
    ByteBuf large = large();
    SharedMessage<ByteBufHolder> message =
        SharedMessage.of(new DefaultByteBufHolder(large.readRetainedSlice(5)));
    large.release();
    assertThat(large.refCnt()).isZero();
    assertThat(message.message().content().toString(US_ASCII)).isEqualTo("hello");
    message.release();
  }

  @Test
  void mostOfBufferIsNotCopied() {
    ByteBuf large = large();
    ByteBuf most = large.readRetainedSlice(LARGE_BYTES / 2);
    SharedMessage<ByteBuf> message = SharedMessage.of(most);
    assertThat(message.message()).isSameAs(most);
    message.release();
    large.release();
    assertThat(large.refCnt()).isZero();
  }

  @Test
  void holderThatLosesItsTypeIsNotCopied() {
    ByteBuf large = large();
    Envelope envelope = new Envelope(large.readRetainedSlice(5));
    SharedMessage<Envelope> message = SharedMessage.of(envelope);
    assertThat(message.message()).isSameAs(envelope);
    message.release();
    large.release();
    assertThat(large.refCnt()).isZero();
  }

  @Test
  void retainedMessagesKeepNoReadBuffers() {
    Topic<ByteBuf> topic = Topic.<ByteBuf>of("news").retaining(100);
    ByteBuf large = large();
    topic.publish(large.readRetainedSlice(5));
    large.release();
    assertThat(large.refCnt()).isZero();
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(1, 101));
    topic.clearRetained();
  }
}
