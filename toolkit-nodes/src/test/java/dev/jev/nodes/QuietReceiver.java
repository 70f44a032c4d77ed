package dev.jev.nodes;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Record;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/** A receiver that does nothing, for tests of a part of it. */
abstract class QuietReceiver implements Backplane.Receiver {

  @Override
  public void record(Channel channel, Record record) {}

  @Override
  public void interrupted(Collection<Channel> channels) {}

  @Override
  public void presence(String topic, long version, Presence.Change change) {}

  @Override
  public void command(String from, byte[] bytes) {}

  @Override
  public void reachable(@Nullable Throwable failure) {}
}
