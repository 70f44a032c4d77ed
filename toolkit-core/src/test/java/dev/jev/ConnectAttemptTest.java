package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The race for one socket, with a clock and sockets that the test controls. */
class ConnectAttemptTest {

  private static final String A4 = "192.0.2.1";
  private static final String B4 = "192.0.2.2";
  private static final String C4 = "192.0.2.3";
  private static final String A6 = "2001:db8:0:0:0:0:0:1";
  private static final String B6 = "2001:db8:0:0:0:0:0:2";

  private final EmbeddedChannel clock = new EmbeddedChannel();
  private final Loop loop = new Loop(clock.eventLoop());
  private final List<Try> tries = new ArrayList<>();
  private final List<String> ends = new ArrayList<>();
  private @Nullable IOException failure;

  /** A socket that is being connected. */
  private record Try(String address, EmbeddedChannel channel, ChannelPromise promise) {

    void succeed() {
      promise.setSuccess();
      channel.pipeline().fireChannelActive();
    }

    void fail(String reason) {
      promise.setFailure(new ConnectException(reason));
    }
  }

  private ChannelFuture open(SocketAddress address, ChannelHandler handler) {
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.pipeline().addLast(handler);
    String host = ((InetSocketAddress) address).getAddress().getHostAddress();
    Try attempt = new Try(host, channel, channel.newPromise());
    tries.add(attempt);
    return attempt.promise;
  }

  private final class RecordingCallback implements ConnectAttempt.Callback {

    @Override
    public void connected(ChannelHandlerContext context) {
      ends.add("connected to " + indexOf(context.channel()));
    }

    @Override
    public void failed(IOException cause) {
      ends.add(String.valueOf(cause.getMessage()));
      failure = cause;
    }
  }

  private int indexOf(Channel channel) {
    return tries.stream().map(Try::channel).toList().indexOf(channel);
  }

  @BeforeEach
  void freeze() {
    clock.freezeTime();
  }

  @AfterEach
  void release() {
    tries.forEach(attempt -> attempt.channel.finishAndReleaseAll());
    clock.finishAndReleaseAll();
    loop.end(); // this thread is no longer an event loop
  }

  private static InetAddress[] addresses(String... literals) throws UnknownHostException {
    InetAddress[] addresses = new InetAddress[literals.length];
    for (int i = 0; i < literals.length; i++) {
      addresses[i] = InetAddress.getByName(literals[i]);
    }
    return addresses;
  }

  private static SocketAddress[] sockets(String... literals) throws UnknownHostException {
    return Stream.of(addresses(literals))
        .map(address -> new InetSocketAddress(address, 1))
        .toArray(SocketAddress[]::new);
  }

  /** Connects to a name with these addresses, and waits until the first one is tried. */
  private ConnectAttempt dial(String uri, String... literals) throws Exception {
    ConnectAddress target = ConnectAddress.parse(uri);
    ConnectAttempt started =
        new ConnectAttempt(
            loop,
            target,
            Duration.ofSeconds(10),
            new HostLookup(loop, target.host(), host -> addresses(literals)),
            this::open,
            new RecordingCallback());
    started.start();
    Eventually.holds(
        "the name is looked up",
        () -> {
          clock.runPendingTasks();
          return !tries.isEmpty() || !ends.isEmpty();
        });
    return started;
  }

  private void pass(long millis) {
    clock.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
    clock.runScheduledPendingTasks();
    clock.runPendingTasks();
  }

  private List<String> tried() {
    return tries.stream().map(Try::address).toList();
  }

  @Test
  void familiesTakeTurnsBeginningWithTheFirst() throws Exception {
    assertThat(ConnectAddress.parse("tcp://x:1").interleave(addresses(A6, B6, A4, B4, C4)))
        .containsExactly(sockets(A6, A4, B6, B4, C4));
    assertThat(ConnectAddress.parse("tcp://x:1").interleave(addresses(A4, B4, A6, B6)))
        .containsExactly(sockets(A4, A6, B4, B6));
  }

  @Test
  void addressThatIsGivenTwiceIsTriedOnce() throws Exception {
    assertThat(ConnectAddress.parse("tcp://x:1").interleave(addresses(A4, B4, A4)))
        .containsExactly(sockets(A4, B4));
  }

  @Test
  void tcp4AndTcp6TakeOneFamily() throws Exception {
    assertThat(ConnectAddress.parse("tcp4://x:1").interleave(addresses(A6, A4, B6)))
        .containsExactly(sockets(A4));
    assertThat(ConnectAddress.parse("tcp6://x:1").interleave(addresses(A4, A6, B4, B6)))
        .containsExactly(sockets(A6, B6));
  }

  @Test
  void nextAddressIsTriedAfter250Milliseconds() throws Exception {
    dial("tcp://name:1", A6, B6, A4);
    assertThat(tried()).containsExactly(A6);
    pass(249);
    assertThat(tried()).containsExactly(A6);
    pass(1);
    assertThat(tried()).containsExactly(A6, A4);
    pass(250);
    assertThat(tried()).containsExactly(A6, A4, B6);
  }

  @Test
  void nextAddressIsTriedAtOnceWhenOneFails() throws Exception {
    dial("tcp://name:1", A4, B4, C4);
    pass(100);
    tries.get(0).fail("Connection refused");
    assertThat(tried()).containsExactly(A4, B4);
    pass(249);
    assertThat(tried()).containsExactly(A4, B4);
    pass(1);
    assertThat(tried()).containsExactly(A4, B4, C4);
  }

  @Test
  void firstThatConnectsWinsAndTheOthersAreClosed() throws Exception {
    dial("tcp://name:1", A4, B4, C4);
    pass(250);
    pass(250);
    tries.get(1).succeed();
    assertThat(ends).containsExactly("connected to 1");
    assertThat(tries).extracting(t -> t.channel.isOpen()).containsExactly(false, true, false);
    pass(100_000);
    assertThat(ends).hasSize(1);
    assertThat(tries).hasSize(3);
  }

  @Test
  void noFurtherAddressIsTriedAfterASuccess() throws Exception {
    dial("tcp://name:1", A4, B4);
    tries.get(0).succeed();
    pass(100_000);
    assertThat(tries).hasSize(1);
    assertThat(ends).containsExactly("connected to 0");
  }

  @Test
  void firstFailureIsTheReasonWhenAllFail() throws Exception {
    dial("tcp://name:1", A4, B4);
    tries.get(0).fail("Network is unreachable");
    assertThat(ends).isEmpty();
    tries.get(1).fail("Connection refused");
    assertThat(ends).containsExactly("cannot connect to tcp://name:1: Network is unreachable");
    assertThat(failure).isInstanceOf(ConnectException.class).hasCauseInstanceOf(IOException.class);
  }

  @Test
  void attemptMayLastTenSecondsAndNoLonger() throws Exception {
    dial("tcp://name:1", A4, B4);
    pass(9_999);
    assertThat(ends).isEmpty();
    pass(1);
    assertThat(ends).containsExactly("cannot connect to tcp://name:1: no answer within PT10S");
    assertThat(failure).isInstanceOf(SocketTimeoutException.class);
    assertThat(tries).extracting(t -> t.channel.isOpen()).containsExactly(false, false);
  }

  @Test
  void timeoutTellsWhatHasFailedBesides() throws Exception {
    dial("tcp://name:1", A4, B4);
    tries.get(0).fail("Connection refused");
    pass(10_000);
    assertThat(ends)
        .containsExactly(
            "cannot connect to tcp://name:1: no answer within PT10S;"
                + " another address failed: Connection refused");
  }

  @Test
  void socketThatConnectsTooLateIsClosed() throws Exception {
    dial("tcp://name:1", A4);
    pass(10_000);
    tries.get(0).channel.pipeline().fireChannelActive();
    assertThat(tries.get(0).channel.isOpen()).isFalse();
    assertThat(ends).hasSize(1);
  }

  @Test
  void cancelledAttemptClosesItsSocketsWithoutACallback() throws Exception {
    ConnectAttempt started = dial("tcp://name:1", A4, B4, C4);
    pass(250);
    started.cancel();
    assertThat(tries).extracting(t -> t.channel.isOpen()).containsExactly(false, false);
    pass(100_000);
    assertThat(tries).hasSize(2);
    assertThat(ends).isEmpty();
  }

  @Test
  void nameWithoutAnAddressOfTheFamilyFails() throws Exception {
    dial("tcp6://name:1", A4);
    assertThat(ends)
        .containsExactly(
            "cannot connect to tcp6://name:1: name has no address of the requested family");
    assertThat(failure).hasCauseInstanceOf(UnknownHostException.class);
  }

  @Test
  void literalAddressIsNotLookedUpOnAThread() {
    ConnectAddress target = ConnectAddress.parse("tcp://[2001:db8::1]:80");
    ConnectAttempt started =
        new ConnectAttempt(
            loop,
            target,
            Duration.ofSeconds(10),
            new HostLookup(loop, target.host(), InetAddress::getAllByName),
            this::open,
            new RecordingCallback());
    started.start();
    assertThat(tried()).containsExactly(A6);
  }
}
