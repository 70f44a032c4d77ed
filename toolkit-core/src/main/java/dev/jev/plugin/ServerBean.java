package dev.jev.plugin;

import dev.jev.ConnectionInfo;
import dev.jev.PluginHost;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The JMX bean of one server.
 *
 * <p><b>Threads.</b> Any.
 */
final class ServerBean implements ServerMXBean {

  private static final Duration STOP_GRACE = Duration.ofSeconds(10);

  private final PluginHost server;
  private final @Nullable Drain drain;
  private final Duration answerTimeout;
  private final LoopLags lags = new LoopLags();
  private final AtomicInteger failingListeners = new AtomicInteger();

  ServerBean(PluginHost server, @Nullable Drain drain, Duration answerTimeout) {
    this.server = server;
    this.drain = drain;
    this.answerTimeout = answerTimeout;
  }

  void loopLagged(Thread loop, Duration lag) {
    lags.add(loop, lag);
  }

  void acceptPaused() {
    failingListeners.incrementAndGet();
  }

  void acceptResumed() {
    failingListeners.decrementAndGet();
  }

  @Override
  public String getName() {
    return server.name();
  }

  @Override
  public List<String> getAddresses() {
    return server.addresses().stream().map(Object::toString).toList();
  }

  @Override
  public int getConnectionCount() {
    return server.connectionCount();
  }

  @Override
  public int getPendingTasks() {
    return server.pendingTasks();
  }

  @Override
  public boolean isAcceptingPaused() {
    return server.isAcceptingPaused() || failingListeners.get() > 0;
  }

  @Override
  public List<LoopLag> getLoopLags() {
    return lags.list().stream().<LoopLag>map(LagView::new).toList();
  }

  @Override
  public List<OpenConnection> listConnections() {
    return await(server.connections().list()).stream()
        .<OpenConnection>map(ConnectionView::new)
        .toList();
  }

  @Override
  public int closeConnections(String remoteAddress) {
    return await(
        server.connections().close(info -> info.remoteAddress().toString().equals(remoteAddress)));
  }

  /** Waits for the event loops, but not for longer than a management client should. */
  private <T> T await(CompletionStage<T> answer) {
    try {
      return answer.toCompletableFuture().get(answerTimeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new IllegalStateException(
          "no answer from all event loops within "
              + answerTimeout
              + "; the log has the stack trace of one that is blocked");
    } catch (ExecutionException e) { // its cause may be of a class that the client does not have
      throw new IllegalStateException(String.valueOf(e.getCause()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the event loops");
    }
  }

  @Override
  public void pauseAccepting() {
    server.pauseAccepting(this);
  }

  @Override
  public void resumeAccepting() {
    server.resumeAccepting(this);
  }

  @Override
  public void drain() {
    if (drain == null) {
      server.stop(STOP_GRACE);
    } else if (drain.drains(server)) {
      drain.begin();
    } else {
      throw new IllegalStateException(
          "drain is no plugin of server " + server.name() + "; add it to the server as well");
    }
  }

  /** A lag as composite data. */
  private record LagView(Diagnostics.LoopLag lag) implements LoopLag {

    @Override
    public String getLoop() {
      return lag.loop();
    }

    @Override
    public long getCount() {
      return lag.count();
    }

    @Override
    public double getMedianMillis() {
      return millis(lag.median());
    }

    @Override
    public double getP99Millis() {
      return millis(lag.p99());
    }

    @Override
    public double getMaxMillis() {
      return millis(lag.max());
    }

    private static double millis(Duration time) {
      return time.toNanos() / 1e6;
    }
  }

  /** A connection as composite data. */
  private record ConnectionView(ConnectionInfo info) implements OpenConnection {

    @Override
    public String getRemoteAddress() {
      return info.remoteAddress().toString();
    }

    @Override
    public String getLocalAddress() {
      return info.localAddress().toString();
    }

    @Override
    public String getListener() {
      return info.listener().toString();
    }

    @Override
    public String getProtocol() {
      return info.protocol();
    }

    @Override
    public ConnectionInfo.State getState() {
      return info.state();
    }

    @Override
    public long getAgeMillis() {
      return info.age().toMillis();
    }

    @Override
    public long getPendingBytes() {
      return info.pendingBytes();
    }

    @Override
    public long getBufferedBytes() {
      return info.bufferedBytes();
    }

    @Override
    public @Nullable Long getMessagesReceived() {
      return counter(ConnectionInfo.Counters::messagesReceived);
    }

    @Override
    public @Nullable Long getMessagesSent() {
      return counter(ConnectionInfo.Counters::messagesSent);
    }

    @Override
    public @Nullable Long getBytesReceived() {
      return counter(ConnectionInfo.Counters::bytesReceived);
    }

    @Override
    public @Nullable Long getBytesSent() {
      return counter(ConnectionInfo.Counters::bytesSent);
    }

    private @Nullable Long counter(ToLongFunction<ConnectionInfo.Counters> value) {
      ConnectionInfo.Counters counters = info.counters();
      return counters == null ? null : value.applyAsLong(counters);
    }
  }
}
