package dev.jev.benchmarks.drawing;

import java.awt.BasicStroke;
import java.awt.Color;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/** Curves over time, which begin at 0 on both axes. */
public final class Curves {

  private final String title;
  private final String unit;
  private final int height;
  private final XYSeriesCollection curves = new XYSeriesCollection();
  private final Map<String, Color> legend = new LinkedHashMap<>();

  /**
   * Creates a chart without curves.
   *
   * @param unit of the values
   * @param height of the area of the curves, in pixels
   */
  public Curves(String title, String unit, int height) {
    this.title = title;
    this.unit = unit;
    this.height = height;
  }

  /** Begins a curve; the points that follow belong to it. */
  public void curve(String label) {
    legend.put(label, Style.curve(legend.size()));
    curves.addSeries(new XYSeries(label, /* autoSort= */ false));
  }

  /** Adds a point to the last curve, unless it is infinite. */
  public void point(double seconds, double value) {
    if (Double.isFinite(seconds) && Double.isFinite(value)) {
      curves.getSeries(curves.getSeriesCount() - 1).add(seconds, value);
    }
  }

  /** Returns a picture as SVG, with charts one below the other. */
  public static String svg(String heading, String caption, List<Curves> charts) {
    return Picture.svg(heading, caption, charts.stream().map(Curves::panel).toList());
  }

  private Panel panel() {
    XYLineAndShapeRenderer lines =
        new XYLineAndShapeRenderer(/* lines= */ true, /* shapes= */ false);
    for (int i = 0; i < curves.getSeriesCount(); i++) {
      lines.setSeriesPaint(i, Style.curve(i));
      lines.setSeriesStroke(i, new BasicStroke(2));
    }
    lines.setDrawSeriesLineAsPath(true);
    XYPlot plot = new XYPlot(curves, axis("s"), axis(unit), lines);
    plot.setRangeGridlinePaint(Style.GRID);
    plot.setDomainGridlinePaint(Style.GRID);
    plot.setAxisOffset(RectangleInsets.ZERO_INSETS);
    return new Panel(title, "", legend, plot, height);
  }

  private static NumberAxis axis(String unit) {
    NumberAxis axis = new NumberAxis();
    Style.plain(axis, Style.SMALL);
    axis.setAutoRangeIncludesZero(true);
    axis.setLowerMargin(0);
    axis.setTickLabelInsets(new RectangleInsets(4, 4, 4, 4));
    DecimalFormat format =
        new DecimalFormat("#,##0.##", DecimalFormatSymbols.getInstance(Locale.ROOT));
    format.setPositiveSuffix(unit.isEmpty() ? "" : " " + unit);
    axis.setNumberFormatOverride(format);
    return axis;
  }
}
