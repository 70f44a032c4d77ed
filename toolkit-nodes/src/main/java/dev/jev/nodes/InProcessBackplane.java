package dev.jev.nodes;

import java.util.concurrent.CompletionStage;

/** The engine within this process. */
final class InProcessBackplane implements Backplane {

  @Override
  public CompletionStage<Session> open(String node, Receiver receiver) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
