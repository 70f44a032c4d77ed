package dev.jev.nodes;

/** Tests of a {@link Backplane} (in progress). */
public final class BackplaneContract {
  private BackplaneContract() {}
}
