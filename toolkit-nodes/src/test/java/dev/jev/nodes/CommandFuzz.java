package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.nodes.Command.Publish;
import dev.jev.nodes.Command.Subscribe;
import dev.jev.nodes.MessageCodec.Format;
import dev.jev.websocket.WebSocketMessage;
import io.netty.buffer.ByteBufUtil;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;

/** Commands of clients, which are well-formed UTF-8. */
@Timeout(60)
class CommandFuzz {

  private static final int MAX_TOPICS = 8;

  @FuzzTest
  void commandsAreRefusedOrCanBeSentToOthers(byte[] input) {
    if (!isUtf8(input)) {
      return; // refused by the protocol
    }
    Command command = parse(input);
    if (command instanceof Subscribe subscribe) {
      assertThat(subscribe.topics().size()).isBetween(1, MAX_TOPICS);
      assertThat(subscribe.topics()).containsAll(subscribe.after().keySet());
      subscribe.topics().forEach(Checks::topic);
    } else if (command instanceof Publish publish) {
      for (Format format : Format.values()) {
        checkMessage(publish, format);
      }
    }
  }

  private static boolean isUtf8(byte[] input) {
    try {
      TextCodec.strictText(input);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static @Nullable Command parse(byte[] input) {
    try {
      return Command.parse(input, MAX_TOPICS);
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotEmpty();
      return null;
    }
  }

  /** Checks that the data are JSON, and that subscribers get the same payload. */
  private static void checkMessage(Publish publish, Format format) {
    Json.requireValid(publish.data());
    byte[] payload;
    try {
      payload = publish.payload(format);
    } catch (IllegalArgumentException e) {
      assertThat(format).isNotEqualTo(Format.JSON);
      return;
    }
    WebSocketMessage message = Envelope.message(publish.topic(), null, payload, format);
    byte[] sent = ByteBufUtil.getBytes(((WebSocketMessage.Text) message).content());
    Json.requireValid(sent);
    byte[] head = "{\"publish".getBytes(UTF_8);
    byte[] name = "{\"topic".getBytes(UTF_8);
    byte[] again = Arrays.copyOf(head, head.length + sent.length - name.length);
    System.arraycopy(sent, name.length, again, head.length, sent.length - name.length);
    Publish parsed = (Publish) Command.parse(again, 1);
    assertThat(parsed.topic()).isEqualTo(publish.topic());
    assertThat(parsed.payload(format)).isEqualTo(payload);
  }
}
