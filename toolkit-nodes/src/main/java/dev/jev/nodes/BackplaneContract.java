package dev.jev.nodes;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * A contract that every {@link Backplane} keeps.
 *
 * <pre>
 *   BackplaneContract.of(Backplane::inProcess).check();
 * </pre>
 *
 * <p>Each check has an engine of its own, several nodes, and topics and nodes with names that were
 * never used, so that an engine may have data of earlier runs. The checks:
 *
 * <ul>
 *   <li><b>order</b>, <b>one order on all nodes</b>: listeners get each record once, with ids that
 *       are never used twice, each with the id of the one before, also from concurrent publishers.
 *   <li><b>listening</b>: a node gets what is published after it listens, and nothing long after it
 *       has ended.
 *   <li><b>positions</b>, <b>positions inside a record</b>, <b>beginning</b>, <b>newest</b>,
 *       <b>pages</b>: reads behind every kind of position, of records that are kept and of those
 *       that are not.
 *   <li><b>reads after hand-over</b>: a record that was handed over is seen by a read.
 *   <li><b>latest</b>, <b>events</b>: the other kinds, and that kinds do not share a topic.
 *   <li><b>again</b>: a body that is published twice is stored once.
 *   <li><b>age</b>: records expire, and positions at the end stay valid.
 *   <li><b>commands</b>: to one node and to all others.
 *   <li><b>members</b>, <b>members without a hole</b>: joins and leaves over several nodes, with
 *       versions that grow by one, and a roster that they continue.
 *   <li><b>lease</b>, <b>leaving</b>, <b>closed</b>: the members of a node that is silent, that
 *       leaves later, and that leaves at once.
 * </ul>
 */
public final class BackplaneContract {

  private final Supplier<? extends Backplane> engines;
  private Duration lease = Duration.ofMillis(500);
  private Duration age = Duration.ofMillis(300);
  private Duration timeout = Duration.ofSeconds(10);

  private BackplaneContract(Supplier<? extends Backplane> engines) {
    this.engines = engines;
  }

  /**
   * Creates the contract of an engine.
   *
   * @param engines creates an engine, which the contract closes
   */
  public static BackplaneContract of(Supplier<? extends Backplane> engines) {
    return new BackplaneContract(requireNonNull(engines, "engines"));
  }

  /** Sets the lease of nodes that become silent; 500 ms by default, at least 10 ms. */
  public BackplaneContract lease(Duration lease) {
    this.lease = Checks.duration("lease", lease, Duration.ofMillis(10));
    return this;
  }

  /** Sets the age of records that expire; 300 ms by default, at least 10 ms. */
  public BackplaneContract age(Duration age) {
    this.age = Checks.duration("age", age, Duration.ofMillis(10));
    return this;
  }

  /** Sets the time after which something that does not happen is missing; 10 s by default. */
  public BackplaneContract timeout(Duration timeout) {
    this.timeout = Checks.duration("timeout", timeout, Duration.ofMillis(10));
    return this;
  }

  /** Returns the checks as tests, for a {@code @TestFactory} method; needs JUnit Jupiter. */
  @SuppressWarnings("exports") // of an optional module
  public Stream<DynamicTest> tests() {
    return checks().entrySet().stream()
        .map(check -> DynamicTest.dynamicTest(check.getKey(), check.getValue()::run));
  }

  /**
   * Runs all checks.
   *
   * @throws AssertionError if checks fail; it names each of them with its reason, and has their
   *     errors as suppressed ones
   */
  public void check() {
    List<AssertionError> failures = new ArrayList<>();
    Map<String, Runnable> checks = checks();
    for (Runnable check : checks.values()) {
      try {
        check.run();
      } catch (AssertionError e) {
        failures.add(e);
      }
    }
    if (!failures.isEmpty()) {
      String list =
          failures.stream()
              .map(failure -> System.lineSeparator() + "* " + failure.getMessage())
              .collect(joining());
      AssertionError failure =
          new AssertionError(failures.size() + " of " + checks.size() + " checks failed" + list);
      failures.forEach(failure::addSuppressed);
      throw failure;
    }
  }

  private Map<String, Runnable> checks() {
    Map<String, Runnable> checks = new LinkedHashMap<>();
    RecordChecks records = new RecordChecks(age);
    add(checks, "order", records::order);
    add(checks, "one order on all nodes", records::oneOrder);
    add(checks, "listening", records::listening);
    add(checks, "positions", records::positions);
    add(checks, "positions inside a record", records::insidePositions);
    add(checks, "beginning", records::beginning);
    add(checks, "newest", records::newest);
    add(checks, "pages", records::pages);
    add(checks, "reads after hand-over", records::readsAfterHandOver);
    add(checks, "latest", records::latest);
    add(checks, "events", records::events);
    add(checks, "again", records::again);
    add(checks, "age", records::age);
    MemberChecks members = new MemberChecks(lease);
    add(checks, "commands", members::commands);
    add(checks, "members", members::members);
    add(checks, "members without a hole", members::membersWithoutHole);
    add(checks, "lease", members::lease);
    add(checks, "leaving", members::leaving);
    add(checks, "closed", members::closed);
    return checks;
  }

  private void add(Map<String, Runnable> checks, String name, Consumer<ContractNodes> check) {
    checks.put(name, () -> run(name, check));
  }

  private void run(String name, Consumer<ContractNodes> check) {
    try (ContractNodes nodes = new ContractNodes(engines.get(), timeout)) {
      check.accept(nodes);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(name + ": " + e.getMessage(), e);
    }
  }
}
