package dev.jev.benchmarks.drawing;

import java.awt.Color;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.Axis;
import org.jfree.chart.plot.Plot;
import org.jfree.chart.ui.RectangleInsets;

/** The fonts and colors of all pictures. */
final class Style {

  /** A font with the widths of Arial and Helvetica, in which most readers see a picture. */
  private static final String FONT = "Liberation Sans";

  static final Font HEADING = new Font(FONT, Font.BOLD, 18);
  static final Font TITLE = new Font(FONT, Font.BOLD, 14);
  static final Font TEXT = new Font(FONT, Font.PLAIN, 13);
  static final Font SMALL = new Font(FONT, Font.PLAIN, 11);

  /** A contrast of 4.3 with white, and of 4.4 with GitHub's dark background. */
  static final Color INK = new Color(0x79, 0x79, 0x79);

  static final Color GRID = new Color(0x79, 0x79, 0x79, 70);

  private static final Map<String, Color> SERVERS =
      Map.of(
          "Jev", new Color(0x2f, 0x81, 0xf7),
          "Jev on epoll", new Color(0x2f, 0x81, 0xf7),
          "Jev on io_uring", new Color(0x1b, 0x9e, 0x77),
          "redis-server", new Color(0xd1, 0x49, 0x5b),
          "epoll in C", new Color(0xc0, 0x7a, 0x12));

  private static final Color OTHER = new Color(0x8f, 0x95, 0x9d);

  private static final List<Color> CURVES =
      List.of(
          new Color(0x2f, 0x81, 0xf7),
          new Color(0xc0, 0x7a, 0x12),
          new Color(0x1b, 0x9e, 0x77),
          new Color(0xd1, 0x49, 0x5b));

  private static final FontRenderContext CONTEXT = new FontRenderContext(null, true, true);

  private Style() {}

  static Color server(String label) {
    return SERVERS.getOrDefault(label, OTHER);
  }

  static Color curve(int index) {
    return CURVES.get(index % CURVES.size());
  }

  static double width(String text, Font font) {
    return font.getStringBounds(text, CONTEXT).getWidth();
  }

  /** Returns a text in lines that are at most as wide as given. */
  static List<String> wrap(String text, Font font, double width) {
    List<String> lines = new ArrayList<>();
    String line = "";
    for (String word : text.split(" ", -1)) {
      String longer = line.isEmpty() ? word : line + " " + word;
      if (!line.isEmpty() && width(longer, font) > width) {
        lines.add(line);
        longer = word;
      }
      line = longer;
    }
    lines.add(line);
    return lines;
  }

  /** Returns a chart that has neither a background nor a title of its own. */
  static JFreeChart bare(Plot plot) {
    plot.setBackgroundPaint(null);
    plot.setOutlineVisible(false);
    plot.setInsets(RectangleInsets.ZERO_INSETS);
    JFreeChart chart = new JFreeChart(null, TEXT, plot, false);
    chart.setBackgroundPaint(null);
    chart.setPadding(RectangleInsets.ZERO_INSETS);
    return chart;
  }

  static void plain(Axis axis, Font font) {
    axis.setTickLabelFont(font);
    axis.setTickLabelPaint(INK);
    axis.setAxisLineVisible(false);
    axis.setTickMarksVisible(false);
  }
}
