package dev.jev.test;

import dev.jev.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The samples and limits of a {@link ProtocolContract}, for its checks. */
final class ContractOptions<I, O> {

  final Supplier<? extends Protocol<I, O>> protocols;
  @Nullable Supplier<? extends Protocol<O, I>> counterpart;
  final List<I> messages = new ArrayList<>();
  final List<WireSample> wires = new ArrayList<>();
  final List<Refused> refusals = new ArrayList<>();
  final List<byte[]> captured = new ArrayList<>();
  Function<? super I, ?> key = message -> message;
  byte[] opening = {};
  boolean stream;
  int maxFrameBytes = 64 * 1024;
  long maxIdleBytes = 1024;
  long seed = 1;
  int rounds = 2000;
  Duration deadline = Duration.ofSeconds(60);

  /** Bytes, and the snapshots of the messages in them. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record WireSample(byte[] bytes, List<@Nullable Object> expected) {}

  /** Bytes that are refused, and the message of the exception. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Refused(byte[] bytes, String message) {}

  ContractOptions(Supplier<? extends Protocol<I, O>> protocols) {
    this.protocols = protocols;
  }

  /** Returns the protocol's name in reports. */
  String name() {
    return protocols.get().getClass().getName();
  }
}
