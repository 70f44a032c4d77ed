package dev.jev.samples.push;

import dev.jev.samples.push.PushEvent.Visitor;

/**
 * An open page: its visitor, and the stroke that the visitor draws.
 *
 * <p>Event loop only.
 */
final class PushPage {

  private final Visitor visitor;
  private int stroke = -1; // number of the last stroke
  private int points; // of that stroke

  PushPage(Visitor visitor) {
    this.visitor = visitor;
  }

  Visitor visitor() {
    return visitor;
  }

  /**
   * Notes a part of a stroke. Returns false if it neither begins a stroke nor continues the last.
   */
  boolean draws(PushRequest.Draw part) {
    boolean begins = part.stroke() > stroke && part.from() == 0;
    boolean continues = part.stroke() == stroke && part.from() == points;
    if (!begins && !continues) {
      return false;
    }
    stroke = part.stroke();
    points = part.from() + part.points().size() / 2;
    return true;
  }
}
