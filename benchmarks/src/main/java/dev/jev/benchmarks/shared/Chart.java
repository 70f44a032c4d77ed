package dev.jev.benchmarks.shared;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A chart with curves over time, as SVG. */
public final class Chart {

  private static final List<String> COLORS = List.of("#c0392b", "#d68910", "#1e8449", "#2471a3");

  private static final int LEFT = 60;
  private static final int TOP = 30;
  private static final int WIDTH = 500;
  private static final int BELOW = 30;
  private static final int LABEL_WIDTH = 180;
  private static final int STEPS = 4;

  private record Point(double seconds, double value) {}

  private record Curve(String label, List<Point> points) {}

  private final String title;
  private final String unit;
  private final int height;
  private final List<Curve> curves = new ArrayList<>();

  /**
   * Creates an empty chart.
   *
   * @param unit of the values, which begin at 0
   * @param height of the area of the curves
   */
  public Chart(String title, String unit, int height) {
    this.title = title;
    this.unit = unit;
    this.height = height;
  }

  /** Begins a curve; the points that follow belong to it. */
  public Chart curve(String label) {
    curves.add(new Curve(label, new ArrayList<>()));
    return this;
  }

  /** Adds a point to the last curve, unless it is infinite. */
  public void point(double seconds, double value) {
    if (Double.isFinite(seconds) && Double.isFinite(value)) {
      curves.get(curves.size() - 1).points.add(new Point(seconds, value));
    }
  }

  /** Returns a document with charts one below the other. */
  public static String svg(List<Chart> charts) {
    StringBuilder body = new StringBuilder();
    int y = 0;
    for (Chart chart : charts) {
      body.append(format("<g transform='translate(0 %d)'>%n%s</g>%n", y, chart.body()));
      y += TOP + chart.height + BELOW;
    }
    return format(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif'"
            + " font-size='12'>%n<title>%s</title>%n"
            + "<rect width='100%%' height='100%%' fill='white'/>%n%s</svg>%n",
        LEFT + WIDTH + LABEL_WIDTH, y, charts.get(0).title, body);
  }

  private String body() {
    double end = most(true);
    double top = round(most(false));
    StringBuilder body = new StringBuilder(text(LEFT, TOP - 12, "start", "black", title));
    for (int i = 0; i <= STEPS; i++) {
      int y = TOP + height - i * height / STEPS;
      body.append(
          format(
              "<line x1='%d' y1='%d' x2='%d' y2='%d' stroke='#ddd'/>%n", LEFT, y, LEFT + WIDTH, y));
      body.append(text(LEFT - 8, y + 4, "end", "black", number(top * i / STEPS) + " " + unit));
      int x = LEFT + i * WIDTH / STEPS;
      body.append(
          text(x, TOP + height + 18, "middle", "black", Math.round(end * i / STEPS) + " s"));
    }
    for (int i = 0; i < curves.size(); i++) {
      String color = COLORS.get(i % COLORS.size());
      body.append(line(curves.get(i), color, end, top));
      body.append(text(LEFT + WIDTH + 12, TOP + 18 * (i + 1), "start", color, curves.get(i).label));
    }
    return body.toString();
  }

  private String line(Curve curve, String color, double end, double top) {
    StringBuilder points = new StringBuilder();
    for (Point point : curve.points) {
      points.append(
          format(
              "%.1f,%.1f ",
              LEFT + point.seconds / end * WIDTH, TOP + height * (1 - point.value / top)));
    }
    return format(
        "<polyline fill='none' stroke='%s' stroke-width='2' points='%s'/>%n", color, points);
  }

  private double most(boolean seconds) {
    return curves.stream()
        .flatMap(curve -> curve.points.stream())
        .mapToDouble(point -> seconds ? point.seconds : point.value)
        .max()
        .orElse(1);
  }

  /** Returns the next number that is 1, 2, 4 or 8 times a power of ten. */
  private static double round(double value) {
    double power = Math.pow(10, Math.floor(Math.log10(Math.max(value, 1e-3))));
    for (int factor : new int[] {1, 2, 4, 8}) {
      if (factor * power >= value) {
        return factor * power;
      }
    }
    return 10 * power;
  }

  private static String number(double value) {
    return value == Math.rint(value)
        ? String.valueOf((long) value)
        : String.format(Locale.ROOT, "%.2f", value);
  }

  private static String text(int x, int y, String anchor, String color, String text) {
    return format(
        "<text x='%d' y='%d' text-anchor='%s' fill='%s'>%s</text>%n", x, y, anchor, color, text);
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
