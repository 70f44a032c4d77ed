package dev.jev.benchmarks.drawing;

import dev.jev.benchmarks.shared.Results;
import dev.jev.benchmarks.shared.Results.Measured;
import dev.jev.benchmarks.shared.Results.Row;
import java.awt.Color;
import java.awt.geom.Ellipse2D;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jfree.chart.annotations.CategoryTextAnnotation;
import org.jfree.chart.axis.AxisSpace;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.DatasetRenderingOrder;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.renderer.category.LineAndShapeRenderer;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.category.DefaultCategoryDataset;

/** One figure of each server as dots on a logarithmic axis, one line per row, the largest first. */
final class Dots {

  private static final int LINE = 21;
  private static final int AXIS = 22;
  private static final double SIZE = 10;

  // Decimal logarithms of milliseconds.
  private static final double SMALLEST = -1.2;
  private static final double TEXT_AT = 4.1;
  private static final double LARGEST = 4.8;

  private Dots() {}

  /**
   * Returns a panel.
   *
   * @param labelWidth of the texts before the dots
   */
  static Panel panel(Results results, String caption, double labelWidth) {
    String figure = Objects.requireNonNull(results.figure());
    List<Row> rows = new ArrayList<>(results.rows());
    rows.sort(Comparator.comparingDouble((Row row) -> first(row, figure)).reversed());
    DefaultCategoryDataset values = new DefaultCategoryDataset();
    Map<String, Color> legend = new LinkedHashMap<>();
    CategoryPlot plot = new CategoryPlot(values, axis(), millis(), new Renderer());
    for (Row row : rows) {
      for (Measured server : row.servers()) {
        values.addValue(Math.log10(figure(server, figure)), server.label(), row.work());
        legend.putIfAbsent(server.label(), legend.isEmpty() ? Style.curve(0) : Style.server(""));
      }
      plot.addAnnotation(text(row.work(), first(row, figure)));
    }
    int height = rows.size() * LINE;
    plot.setOrientation(PlotOrientation.HORIZONTAL);
    plot.setRangeGridlinePaint(Style.GRID);
    plot.setDomainGridlinesVisible(true);
    plot.setDomainGridlinePaint(Style.GRID);
    plot.setDatasetRenderingOrder(DatasetRenderingOrder.REVERSE);
    AxisSpace left = new AxisSpace();
    left.add(labelWidth, RectangleEdge.LEFT);
    plot.setFixedDomainAxisSpace(left);
    AxisSpace above = new AxisSpace();
    above.add(AXIS, RectangleEdge.TOP);
    plot.setFixedRangeAxisSpace(above);
    return new Panel(results.title(), caption, legend, plot, height + AXIS);
  }

  private static double first(Row row, String figure) {
    return figure(row.servers().get(0), figure);
  }

  private static double figure(Measured server, String figure) {
    return Objects.requireNonNull(server.figure(figure));
  }

  private static CategoryTextAnnotation text(String work, double millis) {
    String text = String.format(Locale.ROOT, millis < 100 ? "%.1f ms" : "%,.0f ms", millis);
    CategoryTextAnnotation annotation = new CategoryTextAnnotation(text, work, TEXT_AT);
    annotation.setFont(Style.TEXT);
    annotation.setPaint(Style.INK);
    annotation.setTextAnchor(TextAnchor.CENTER_LEFT);
    return annotation;
  }

  private static CategoryAxis axis() {
    CategoryAxis axis = new CategoryAxis();
    Style.plain(axis, Style.TEXT);
    axis.setLowerMargin(0);
    axis.setUpperMargin(0);
    axis.setCategoryMargin(0);
    axis.setMaximumCategoryLabelLines(1);
    axis.setCategoryLabelPositionOffset(8);
    axis.setMaximumCategoryLabelWidthRatio(1);
    return axis;
  }

  /** Returns an axis of logarithms; JFreeChart's LogAxis would draw its texts as curves. */
  private static NumberAxis millis() {
    NumberAxis axis = new NumberAxis();
    Style.plain(axis, Style.SMALL);
    axis.setRange(SMALLEST, LARGEST);
    axis.setTickUnit(
        new NumberTickUnit(1) {
          private static final long serialVersionUID = 1L;

          @Override
          public String valueToString(double power) {
            return duration(Math.pow(10, power));
          }
        });
    return axis;
  }

  private static String duration(double millis) {
    return millis < 999
        ? String.format(Locale.ROOT, millis < 0.99 ? "%.1f ms" : "%.0f ms", millis)
        : String.format(Locale.ROOT, "%.0f s", millis / 1000);
  }

  private static final class Renderer extends LineAndShapeRenderer {

    private static final long serialVersionUID = 1L;

    Renderer() {
      super(/* lines= */ false, /* shapes= */ true);
      Ellipse2D dot = new Ellipse2D.Double(-SIZE / 2, -SIZE / 2, SIZE, SIZE);
      setSeriesShape(0, dot);
      setSeriesPaint(0, Style.curve(0));
      setSeriesShape(1, dot);
      setSeriesPaint(1, Style.server(""));
      setSeriesShapesFilled(1, false);
    }
  }
}
