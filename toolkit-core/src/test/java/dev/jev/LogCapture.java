package dev.jev;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Captures the records of a logger, which are then not printed. */
public final class LogCapture implements AutoCloseable {

  private final Queue<LogRecord> records = new ConcurrentLinkedQueue<>();
  private final Consumer<LogRecord> then;
  private final Logger logger; // java.util.logging itself holds it weakly
  private final Output output = new Output();

  public LogCapture(String name) {
    this(name, log -> {});
  }

  /** Creates one that also runs an action with each record, for example to throw. */
  public LogCapture(String name, Consumer<LogRecord> then) {
    this.then = then;
    this.logger = Logger.getLogger(name);
    logger.setUseParentHandlers(false);
    logger.addHandler(output);
  }

  /** The records so far, without those of event loops that a loaded machine has held up. */
  public List<LogRecord> records() {
    return records.stream().filter(log -> !isOfWatchdog(log)).toList();
  }

  private static boolean isOfWatchdog(LogRecord log) {
    return log.getMessage() != null && log.getMessage().startsWith("event loop ");
  }

  /** Drops the records so far. */
  public void forget() {
    records.clear();
  }

  /** The messages so far that contain a text. */
  public List<String> messages(String part) {
    return records.stream().map(LogRecord::getMessage).filter(m -> m.contains(part)).toList();
  }

  /** Waits for the first record whose message contains a text. */
  public LogRecord await(String part) throws Exception {
    Eventually.holds("a record with: " + part, () -> !messages(part).isEmpty());
    return records.stream()
        .filter(log -> log.getMessage().contains(part))
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void close() {
    logger.removeHandler(output);
    logger.setUseParentHandlers(true);
  }

  private final class Output extends java.util.logging.Handler {
    @Override
    public void publish(LogRecord log) {
      records.add(log);
      then.accept(log);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}
