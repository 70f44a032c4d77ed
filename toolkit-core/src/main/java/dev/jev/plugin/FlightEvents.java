package dev.jev.plugin;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** The events that {@link Diagnostics} emits to Java Flight Recorder. */
final class FlightEvents {

  private FlightEvents() {}

  @Name("jev.ConnectionOpened")
  @Label("Connection Opened")
  @Category("Jev")
  @StackTrace(false)
  static final class ConnectionOpened extends Event {

    @Label("Peer")
    String peer = "";

    @Label("Listener")
    String listener = "";
  }

  @Name("jev.ConnectionClosed")
  @Label("Connection Closed")
  @Category("Jev")
  @StackTrace(false)
  static final class ConnectionClosed extends Event {

    @Label("Peer")
    String peer = "";

    @Label("Reason")
    String reason = "";

    @Label("Bytes Read")
    @DataAmount
    long bytesRead;

    @Label("Bytes Written")
    @DataAmount
    long bytesWritten;

    @Label("Open For")
    @Timespan
    long openFor;
  }

  @Name("jev.WriteStalled")
  @Label("Write Stalled")
  @Category("Jev")
  @StackTrace(false)
  static final class WriteStalled extends Event {

    @Label("Peer")
    String peer = "";

    @Label("Stalled For")
    @Timespan
    long stalledFor;

    @Label("Caught Up")
    boolean caughtUp;
  }

  @Name("jev.LoopBlocked")
  @Label("Event Loop Blocked")
  @Category("Jev")
  @StackTrace(false) // it would be that of the watchdog's thread
  static final class LoopBlocked extends Event {

    @Label("Event Loop")
    String loop = "";

    @Label("Blocked For")
    @Timespan
    long blockedFor;

    @Label("Stack")
    String stack = "";
  }

  @Name("jev.AcceptPaused")
  @Label("Accept Paused")
  @Category("Jev")
  @StackTrace(false)
  static final class AcceptPaused extends Event {

    @Label("Listener")
    String listener = "";

    @Label("Cause")
    String cause = "";
  }
}
