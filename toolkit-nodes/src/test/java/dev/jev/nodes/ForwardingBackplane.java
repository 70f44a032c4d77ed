package dev.jev.nodes;

import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** An engine whose sessions and receivers a test replaces, to plant faults. */
final class ForwardingBackplane implements Backplane {

  private final Backplane engine;
  private final Function<Session, Session> sessions;
  private final UnaryOperator<Receiver> receivers;

  ForwardingBackplane(
      Backplane engine, Function<Session, Session> sessions, UnaryOperator<Receiver> receivers) {
    this.engine = engine;
    this.sessions = sessions;
    this.receivers = receivers;
  }

  @Override
  public CompletionStage<Session> open(String node, Receiver receiver) {
    return engine.open(node, receivers.apply(receiver)).thenApply(sessions);
  }

  @Override
  public void close() {
    engine.close();
  }

  /** A session that forwards all calls. */
  static class ForwardingSession implements Session {

    final Session session;

    ForwardingSession(Session session) {
      this.session = session;
    }

    @Override
    public CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since) {
      return session.publish(channel, body, since);
    }

    @Override
    public CompletionStage<Void> listen(Collection<Channel> channels) {
      return session.listen(channels);
    }

    @Override
    public void unlisten(Collection<Channel> channels) {
      session.unlisten(channels);
    }

    @Override
    public CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
      return session.read(channel, after, mostBytes);
    }

    @Override
    public CompletionStage<Void> present(String topic, Presence.Member member, int connections) {
      return session.present(topic, member, connections);
    }

    @Override
    public CompletionStage<Roster> watch(String topic) {
      return session.watch(topic);
    }

    @Override
    public void unwatch(String topic) {
      session.unwatch(topic);
    }

    @Override
    public CompletionStage<Lease> renew(Duration lease) {
      return session.renew(lease);
    }

    @Override
    public CompletionStage<Void> command(@Nullable String node, byte[] bytes) {
      return session.command(node, bytes);
    }

    @Override
    public CompletionStage<Void> close(Duration leaveAfter) {
      return session.close(leaveAfter);
    }
  }

  /** A receiver that forwards all calls. */
  static class ForwardingReceiver implements Receiver {

    final Receiver receiver;

    ForwardingReceiver(Receiver receiver) {
      this.receiver = receiver;
    }

    @Override
    public void record(Channel channel, Record record) {
      receiver.record(channel, record);
    }

    @Override
    public void interrupted(Collection<Channel> channels) {
      receiver.interrupted(channels);
    }

    @Override
    public void presence(String topic, long version, Presence.Change change) {
      receiver.presence(topic, version, change);
    }

    @Override
    public void command(String from, byte[] bytes) {
      receiver.command(from, bytes);
    }

    @Override
    public void reachable(@Nullable Throwable failure) {
      receiver.reachable(failure);
    }
  }
}
