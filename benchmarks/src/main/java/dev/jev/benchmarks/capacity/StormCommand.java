package dev.jev.benchmarks.capacity;

import dev.jev.benchmarks.capacity.Storm.Course;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints how the clients of a node that has died return, and draws it. */
@Command(name = "storm", description = "Simulates the return of clients whose node has died.")
public final class StormCommand implements Callable<Integer> {

  private static final List<String> COLORS = List.of("#c0392b", "#d68910", "#1e8449", "#2471a3");

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

  @Option(names = "--picture", description = "file for a picture as SVG, of the last cost")
  private @Nullable Path picture;

  @Override
  public Integer call() throws IOException {
    System.out.println(
        "| cost of a client | first attempts within | half are back | 99 % | all | attempts"
            + " | longest wait |\n|---|---|---|---|---|---|---|");
    StringBuilder curves = new StringBuilder();
    double end = spreads.stream().mapToDouble(each -> each).max().orElseThrow();
    for (double cost : costs) {
      curves.setLength(0);
      for (int i = 0; i < spreads.size(); i++) {
        double spread = spreads.get(i);
        Course course = new Storm(clients, nodes, spread, cost / 1e3, timeout).run(seed);
        print(cost, spread, course);
        curves.append(curve(course, end, COLORS.get(i % COLORS.size()), spread, i));
      }
    }
    if (picture != null) {
      Files.writeString(picture, picture(curves.toString(), end));
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

  // The picture.

  private static final int LEFT = 50;
  private static final int TOP = 20;
  private static final int WIDTH = 600;
  private static final int HEIGHT = 240;
  private static final int POINTS = 100;

  private static String curve(Course course, double end, String color, double spread, int row) {
    StringBuilder points = new StringBuilder(LEFT + "," + (TOP + HEIGHT));
    for (int i = 1; i <= POINTS; i++) {
      double part = (double) i / POINTS;
      points.append(
          String.format(
              Locale.ROOT,
              " %.1f,%.1f",
              LEFT + Math.min(course.timeUntil(part) / end, 1) * WIDTH,
              TOP + HEIGHT * (1 - part)));
    }
    return String.format(
        Locale.ROOT,
        "<polyline fill='none' stroke='%s' stroke-width='2' points='%s'/>%n"
            + "<text x='%d' y='%d' fill='%s'>first attempts within %s s</text>%n",
        color,
        points,
        LEFT + WIDTH - 170,
        TOP + HEIGHT - 70 + 18 * row,
        color,
        String.valueOf(spread).replace(".0", ""));
  }

  private static String picture(String curves, double end) {
    StringBuilder axes = new StringBuilder();
    for (int i = 0; i <= 4; i++) {
      int y = TOP + HEIGHT - i * HEIGHT / 4;
      axes.append(line(LEFT, y, LEFT + WIDTH, y));
      axes.append(text(LEFT - 8, y + 4, "end", i * 25 + " %"));
      int x = LEFT + i * WIDTH / 4;
      axes.append(text(x, TOP + HEIGHT + 18, "middle", Math.round(end * i / 4) + " s"));
    }
    return String.format(
        Locale.ROOT,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif'"
            + " font-size='12'>%n<title>Clients that are back, after the death of their node</title>%n"
            + "<rect width='100%%' height='100%%' fill='white'/>%n%s%s</svg>%n",
        LEFT + WIDTH + 30,
        TOP + HEIGHT + 30,
        axes,
        curves);
  }

  private static String line(int x1, int y1, int x2, int y2) {
    return String.format(
        Locale.ROOT, "<line x1='%d' y1='%d' x2='%d' y2='%d' stroke='#ddd'/>%n", x1, y1, x2, y2);
  }

  private static String text(int x, int y, String anchor, String text) {
    return String.format(
        Locale.ROOT, "<text x='%d' y='%d' text-anchor='%s'>%s</text>%n", x, y, anchor, text);
  }
}
