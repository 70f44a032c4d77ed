package dev.jev.benchmarks.capacity;

import dev.jev.benchmarks.capacity.Storm.Course;
import dev.jev.benchmarks.drawing.Curves;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints how the clients of a node that has died return, and draws it. */
@Command(name = "storm", description = "Simulates the return of clients whose node has died.")
public final class StormCommand implements Callable<Integer> {

  @Option(names = "--clients", description = "that return (default: 50000)")
  private int clients = 50_000;

  @Option(names = "--nodes", description = "that are left (default: 19)")
  private int nodes = 19;

  @Option(
      names = "--cost-millis",
      split = ",",
      description = "processor time for one client (default: 0.2 and, with TLS, 1.2)")
  private List<Double> costs = List.of(0.2, 1.2);

  @Option(
      names = "--spread-seconds",
      split = ",",
      description = "time of the first attempts (default: 0.5,5,20,60)")
  private List<Double> spreads = List.of(0.5, 5.0, 20.0, 60.0);

  @Option(names = "--timeout-seconds", description = "of an attempt (default: 10)")
  private double timeout = 10;

  @Option(names = "--seed", description = "default: 1")
  private long seed = 1;

  @Option(names = "--picture", description = "file for a picture as SVG")
  private @Nullable Path picture;

  @Override
  public Integer call() throws IOException {
    System.out.println(
        "| cost of a client | first attempts within | half are back | 99 % | all | attempts"
            + " | longest wait |\n|---|---|---|---|---|---|---|");
    List<Curves> charts = new ArrayList<>();
    for (double cost : costs) {
      String title = String.format(Locale.ROOT, "%.2f ms of processor time each", cost);
      Curves chart = new Curves(title, "%", 280);
      for (double spread : spreads) {
        Course course = new Storm(clients, nodes, spread, cost / 1e3, timeout).run(seed);
        print(cost, spread, course);
        draw(course, spread, chart);
      }
      charts.add(chart);
    }
    if (picture != null) {
      String conditions =
          String.format(
              Locale.ROOT,
              "A simulation by benchmarks.jar storm: %,d clients, nodes left: %d, timeout %.0f s.",
              clients,
              nodes,
              timeout);
      Files.writeString(picture, Curves.svg("Clients that are back", conditions, charts));
    }
    return 0;
  }

  private static void print(double cost, double spread, Course course) {
    System.out.printf(
        Locale.ROOT,
        "| %.2f ms | %.1f s | %s | %s | %s | %,d | %.1f s |%n",
        cost,
        spread,
        time(course.timeUntil(0.5)),
        time(course.timeUntil(0.99)),
        time(course.timeUntil(1)),
        course.attempts(),
        course.longestWait());
  }

  private static String time(double seconds) {
    return Double.isInfinite(seconds) ? "never" : String.format(Locale.ROOT, "%.1f s", seconds);
  }

  /** Adds a curve of the part of the clients that are back. */
  private static void draw(Course course, double spread, Curves chart) {
    chart.curve("first attempts within " + String.valueOf(spread).replace(".0", "") + " s");
    chart.point(0, 0);
    for (int percent = 1; percent <= 100; percent++) {
      chart.point(course.timeUntil(percent / 100.0), percent);
    }
  }
}
