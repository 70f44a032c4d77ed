package dev.jev.nodes;

final class NodePresence implements Presence {
  @Override
  public java.util.concurrent.CompletionStage<java.util.List<Member>> members(int most) {
    throw new UnsupportedOperationException();
  }

  @Override
  public java.util.concurrent.CompletionStage<Counts> counts() {
    throw new UnsupportedOperationException();
  }

  @Override
  public AutoCloseable onChange(java.util.function.Consumer<Change> listener) {
    throw new UnsupportedOperationException();
  }

  void add(Member m) {}

  void remove(Member m) {}

  void rejoin() {}

  void changed(long version, Change change) {}
}
