package dev.jev.plugin;

import dev.jev.Plugin;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

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

  /** A message, whose duration is the time of the {@code unpack} that returned it. */
  @Name("jev.MessageReceived")
  @Label("Message Received")
  @Category("Jev")
  @Enabled(false)
  @StackTrace(false)
  static final class MessageReceived extends Event {

    private static final MessageReceived ANY = new MessageReceived();

    /** The event of each event loop, which unpacks one message at a time. */
    private static final ThreadLocal<MessageReceived> OF_LOOP =
        ThreadLocal.withInitial(MessageReceived::new);

    @Label("Peer")
    String peer = "";

    @Label("Bytes")
    @DataAmount
    int bytes;

    private transient @Nullable Object owner; // the connection whose message is unpacked, or null

    static boolean isRecorded() {
      return ANY.isEnabled();
    }

    static void begin(Object owner) {
      MessageReceived event = OF_LOOP.get();
      event.owner = owner;
      event.begin();
    }

    static void end(Object owner, int bytes, Plugin.Link link) {
      MessageReceived event = OF_LOOP.get();
      if (event.owner != owner) {
        return; // it began before it was enabled
      }
      event.owner = null;
      event.end();
      if (event.shouldCommit()) {
        event.peer = link.connection().remoteAddress().toString();
        event.bytes = bytes;
        event.commit();
      }
    }
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
