package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.util.AbstractReferenceCounted;
import io.netty.util.ReferenceCounted;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/** Counted messages, all of which are remembered. On the wire they are {@link Texts}. */
final class Notes {

  private final Queue<Note> all = new ConcurrentLinkedQueue<>();

  /** Returns all notes that were received or added. */
  Queue<Note> all() {
    return all;
  }

  Note add(String text) {
    Note note = new Note(text);
    all.add(note);
    return note;
  }

  void expectAllReleased() throws Exception {
    Eventually.holds("all are released", () -> all.stream().allMatch(note -> note.refCnt() == 0));
  }

  /** Returns the protocol of a connection that receives notes and sends texts. */
  Protocol<Note, String> protocol() {
    Texts texts = new Texts();
    return new Protocol<>() {
      @Override
      public @Nullable Note unpack(ProtocolContext context, ByteBuf in) {
        String text = texts.unpack(context, in);
        return text == null ? null : add(text);
      }

      @Override
      public void pack(String message, ByteBuf out) {
        texts.pack(message, out);
      }
    };
  }

  /** A counted message; {@code !size} has no size, and {@code !release} cannot be released. */
  static final class Note extends AbstractReferenceCounted implements Sized {

    private final String text;

    Note(String text) {
      this.text = text;
    }

    @Override
    public long sizeBytes() {
      if (text.equals("!size")) {
        throw new IllegalStateException("no size");
      }
      return text.length();
    }

    @Override
    public ReferenceCounted touch(Object hint) {
      return this;
    }

    @Override
    protected void deallocate() {
      if (text.equals("!release")) {
        throw new IllegalStateException("cannot be released");
      }
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
