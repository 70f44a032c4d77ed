package dev.jev;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The addresses that a client connects to, in turn.
 *
 * <p>A round is one attempt for each address. The next address has its turn when an attempt fails,
 * and when a connection is lost.
 *
 * <p>Event loop only, except {@link #uris} and {@link #close}.
 */
final class ClientTargets {

  private final List<Target> targets;
  private int current;
  private int failed; // attempts since the last connection, or since the last round

  /** An address, with what a client remembers about it. */
  private static final class Target {

    private final ConnectAddress address;
    private final HostLookup lookup;
    private @Nullable ConnectFailures failures; // null before the first

    Target(ConnectAddress address, HostLookup lookup) {
      this.address = address;
      this.lookup = lookup;
    }

    void log(String failure) {
      if (failures == null) {
        failures = new ConnectFailures(address.uri());
      }
      failures.log(failure);
    }

    void close() {
      if (failures != null) {
        failures.close();
      }
    }
  }

  ClientTargets(List<ConnectAddress> addresses, Loop loop, HostLookup.Resolver resolver) {
    this.targets =
        addresses.stream()
            .map(each -> new Target(each, new HostLookup(loop, each.host(), resolver)))
            .toList();
  }

  /** Returns the addresses as they were passed to {@link Client.Builder#connect}. */
  static List<String> uris(List<ConnectAddress> addresses) {
    return addresses.stream().map(ConnectAddress::uri).toList();
  }

  /** Returns the address whose turn it is. */
  ConnectAddress address() {
    return targets.get(current).address;
  }

  HostLookup lookup() {
    return targets.get(current).lookup;
  }

  /**
   * Notes that the attempt for the current address has failed, and moves on to the next one.
   *
   * @param backoff the delays between rounds; null if there is one round only
   * @return the delay before the next attempt in nanoseconds; negative if there is none
   */
  long attemptFailed(IOException cause, @Nullable ClientBackoff backoff) {
    failed = (failed + 1) % targets.size();
    if (failed == 0 && backoff == null) {
      return -1;
    }
    long nanos = failed == 0 && backoff != null ? backoff.nextNanos() : 0;
    long millis = TimeUnit.NANOSECONDS.toMillis(nanos);
    targets.get(current).log(cause.getMessage() + "; next attempt in " + millis + " ms");
    next();
    return nanos;
  }

  /** Notes that a connection was lost: a new round begins with the next address. */
  void connectionLost() {
    failed = 0;
    next();
  }

  private void next() {
    current = (current + 1) % targets.size();
  }

  void close() {
    targets.forEach(Target::close);
  }
}
