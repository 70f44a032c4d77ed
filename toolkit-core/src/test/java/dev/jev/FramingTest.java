package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Framing: the messages are the same, however the bytes of the frames arrive. */
class FramingTest {

  private static Server start(Transport transport, Handler<String, String> handler) {
    assumeThat(transport.isAvailable()).isTrue();
    return Server.builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .transport(transport)
        .eventLoops(1)
        .start();
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void framesSplitAtEveryByteAreTheSame(Transport transport) throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    byte[] bytes = RawPeer.frames("one", "", "zwölf");
    try (Server server = start(transport, recorder)) {
      for (int split = 0; split <= bytes.length; split++) {
        try (RawPeer peer = RawPeer.connect(server)) {
          peer.write(Arrays.copyOfRange(bytes, 0, split));
          recorder.connection().execute(() -> {}); // one loop iteration between the writes
          peer.write(Arrays.copyOfRange(bytes, split, bytes.length));
          assertThat(peer.read(bytes.length)).isEqualTo(bytes);
        }
        recorder.expect("connect", "message one", "message ", "message zwölf", "close PEER_CLOSED");
      }
    }
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void framesArrivingByteByByteAreTheSame(Transport transport) throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    byte[] bytes = RawPeer.frames("one", "", "zwölf");
    try (Server server = start(transport, recorder);
        RawPeer peer = RawPeer.connect(server)) {
      for (byte b : bytes) {
        peer.write(new byte[] {b});
      }
      assertThat(peer.read(bytes.length)).isEqualTo(bytes);
      recorder.expect("connect", "message one", "message ", "message zwölf");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void manyFramesOfManySizesInChunksOfManySizesAreTheSame(Transport transport) throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int[] sizes = {0, 1, 100, 4091, 4092, 4093, 16_000, 65_535, 65_536, 70_000, 300_000};
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      int size = sizes[random.nextInt(i < 150 ? 5 : sizes.length)];
      texts.add(Character.toString('a' + i % 26).repeat(size));
    }
    byte[] bytes = RawPeer.frames(texts.toArray(String[]::new));
    try (Server server = start(transport, Handler.replying(text -> text));
        RawPeer peer = RawPeer.connect(server)) {
      CompletableFuture<Void> writing =
          CompletableFuture.runAsync(
              () -> {
                try {
                  for (int at = 0; at < bytes.length; ) {
                    int length = Math.min(bytes.length - at, 1 + random.nextInt(100_000));
                    peer.socket().getOutputStream().write(bytes, at, length);
                    at += length;
                  }
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      for (String text : texts) {
        assertThat(peer.receive().equals(text)).as("seed %d", seed).isTrue();
      }
      writing.get(10, TimeUnit.SECONDS);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100, 5_000, 70_000, 1_000_000})
  void messagesKeptByTheHandlerAreNotOverwritten(int size) throws Exception {
    List<ByteBuf> kept = new ArrayList<>();
    Handler<ByteBuf, ByteBuf> keeper =
        (connection, message) -> {
          kept.add(message.retain());
          connection.send(message);
        };
    int count = 40;
    try (Server server =
            Server.builder(Buffers::new, keeper).listen("tcp://127.0.0.1:0").eventLoops(1).start();
        RawPeer peer = RawPeer.connect(server)) {
      for (int i = 0; i < count; i++) {
        peer.send(Character.toString('A' + i).repeat(size));
        assertThat(peer.receive()).hasSize(size);
      }
      for (int i = 0; i < count; i++) {
        ByteBuf message = kept.get(i);
        assertThat(message.readableBytes()).isEqualTo(size);
        byte expected = (byte) ('A' + i);
        assertThat(message.forEachByte(b -> b == expected)).isEqualTo(-1);
        assertThat(message.release()).isTrue();
      }
    }
  }

  @Test
  void frameThatNeverEndsIsRefusedByTheFramework() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Protocol<String, String> greedy =
        new Protocol<>() {
          @Override
          public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
            return null;
          }

          @Override
          public void pack(String message, ByteBuf out) {}
        };
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {}

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    try (Server server =
            Server.builder(() -> greedy, handler)
                .listen("tcp://127.0.0.1:0")
                .maxFrameBytes(1000)
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(new byte[1000]);
      peer.write(new byte[1]);
      peer.expectEnd();
    }
    CloseReason reason = closed.get(10, TimeUnit.SECONDS);
    assertThat(reason.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(reason.cause()).hasMessage("frame: more than 1001 bytes (expected: <= 1000)");
  }

  @Test
  void frameAsLongAsTheLimitIsDelivered() throws Exception {
    try (Server server =
            Server.builder(Texts::new, Handler.<String, String>replying(text -> text))
                .listen("tcp://127.0.0.1:0")
                .maxFrameBytes(1004)
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("x".repeat(1000)).receive()).hasSize(1000);
      peer.send("x".repeat(1001)).expectEnd();
    }
  }

  @Test
  void floodOfFramesLetsOtherConnectionsHaveTheirTurn() throws Exception {
    Handler<String, String> handler =
        (connection, message) -> {
          if (!message.isEmpty()) {
            connection.send(message);
          }
        };
    try (Server server = start(Transport.AUTO, handler);
        RawPeer flooder = RawPeer.connect(server);
        RawPeer peer = RawPeer.connect(server)) {
      byte[] empty = new byte[4 * 1_000_000]; // a million empty frames
      CompletableFuture<Void> flood =
          CompletableFuture.runAsync(
              () -> {
                try {
                  flooder.write(empty);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      for (int i = 0; i < 100; i++) {
        assertThat(peer.send("turn").receive()).isEqualTo("turn");
      }
      flood.get(10, TimeUnit.SECONDS);
    }
  }
}
