package dev.jev.test;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.ByteBufUtil;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The copy of a message by which it is compared after its release. */
final class Snapshot {

  private static final int MAX_CHARACTERS = 200;

  private Snapshot() {}

  /** Returns the bytes of a buffer or array, the snapshots of a list's elements, or the message. */
  static @Nullable Object of(@Nullable Object message) {
    if (message instanceof ByteBuf buffer) {
      return new Content("", ByteBufUtil.getBytes(buffer));
    } else if (message instanceof ByteBufHolder holder) {
      String type = holder.getClass().getSimpleName() + " ";
      return new Content(type, ByteBufUtil.getBytes(holder.content()));
    } else if (message instanceof byte[] bytes) {
      return new Content("", bytes.clone());
    } else if (message instanceof List<?> list) {
      return list.stream().<@Nullable Object>map(Snapshot::of).toList();
    }
    return message;
  }

  /** Returns a snapshot as text of limited length. */
  static String print(@Nullable Object snapshot) {
    String text = snapshot instanceof String ? "\"" + snapshot + "\"" : String.valueOf(snapshot);
    if (text.length() > MAX_CHARACTERS) {
      text = text.substring(0, MAX_CHARACTERS) + "... (" + text.length() + " characters)";
    }
    return text;
  }

  /** Bytes that are compared by their values. */
  @SuppressWarnings("ArrayRecordComponent") // has an equals of its own
  record Content(String type, byte[] bytes) {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Content content
          && type.equals(content.type)
          && Arrays.equals(bytes, content.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
      int shown = Math.min(bytes.length, MAX_CHARACTERS / 4);
      String more = shown < bytes.length ? "..." : "";
      return type + bytes.length + " bytes " + Hex.of(Arrays.copyOf(bytes, shown)) + more;
    }
  }
}
