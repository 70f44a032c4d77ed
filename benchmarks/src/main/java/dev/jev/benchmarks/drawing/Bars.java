package dev.jev.benchmarks.drawing;

import dev.jev.benchmarks.shared.Results;
import dev.jev.benchmarks.shared.Results.Measured;
import dev.jev.benchmarks.shared.Results.Ratio;
import dev.jev.benchmarks.shared.Results.Row;
import java.awt.Color;
import java.awt.geom.Rectangle2D;
import java.math.BigDecimal;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jfree.chart.axis.AxisSpace;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.labels.CategoryItemLabelGenerator;
import org.jfree.chart.labels.ItemLabelAnchor;
import org.jfree.chart.labels.ItemLabelPosition;
import org.jfree.chart.labels.StandardCategoryItemLabelGenerator;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.CategoryItemRendererState;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.category.CategoryDataset;
import org.jfree.data.category.DefaultCategoryDataset;

/** Ratios as groups of horizontal bars, one group per row of the results. */
final class Bars {

  private static final String MICROS = "cpuMicrosPerMessage";
  private static final int BAR = 14;
  private static final int BETWEEN = 12;

  /** Room for the text after the longest bar. */
  private static final double AFTER = 0.32;

  private final Results results;
  private final String base;
  private final DefaultCategoryDataset values = new DefaultCategoryDataset();
  private final Map<String, String> texts = new HashMap<>();

  private Bars(Results results, String base) {
    this.results = results;
    this.base = base;
  }

  /**
   * Returns a panel.
   *
   * @param labelWidth of the texts before the bars
   */
  static Panel panel(Results results, String caption, double labelWidth) {
    return new Bars(results, Objects.requireNonNull(results.relativeTo()))
        .panel(caption, labelWidth);
  }

  private Panel panel(String caption, double labelWidth) {
    Map<String, Color> legend = legend();
    for (String label : legend.keySet()) { // the first decides the order of the bars
      results.rows().forEach(row -> add(row, label));
    }
    GroupAxis rows =
        new GroupAxis(results.rows().stream().map(row -> row.servers().size()).toList());
    CategoryPlot plot = new CategoryPlot(values, rows, ratios(), new Renderer(legend, texts()));
    plot.setOrientation(PlotOrientation.HORIZONTAL);
    plot.setRangeGridlinesVisible(false);
    AxisSpace left = new AxisSpace();
    left.add(labelWidth, RectangleEdge.LEFT);
    plot.setFixedDomainAxisSpace(left);
    plot.setFixedRangeAxisSpace(new AxisSpace());
    return new Panel(results.title(), caption, legend, plot, rows.height());
  }

  /** Returns the servers of Jev first, and the others in the order of the rows. */
  private Map<String, Color> legend() {
    Map<String, Color> legend = new LinkedHashMap<>();
    results.rows().stream()
        .flatMap(row -> row.servers().stream())
        .map(Measured::label)
        .sorted(Comparator.comparing(label -> label.startsWith("Jev") ? 0 : 1))
        .forEach(label -> legend.put(label, Style.server(label)));
    return legend;
  }

  private void add(Row row, String label) {
    for (Measured server : row.servers()) {
      if (server.label().equals(label)) {
        double value = Objects.requireNonNull(row.relativeTo(base).get(label));
        values.addValue(value, label, row.work());
        texts.put(key(label, row.work()), text(row, server, value));
      }
    }
  }

  private String text(Row row, Measured server, double value) {
    String text = server.label().equals(base) ? "1" : String.format(Locale.ROOT, "%.2f", value);
    for (Ratio ratio : row.ratios() == null ? List.<Ratio>of() : row.ratios()) {
      if (ratio.of().equals(server.label()) && ratio.to().equals(base) && ratio.median() == null) {
        text = String.format(Locale.ROOT, "%.2f to %.2f", ratio.min(), ratio.max());
      }
    }
    Double micros = server.figure(MICROS);
    return micros == null
        ? text
        : String.format(Locale.ROOT, "%s  (%." + decimals(row) + "f µs)", text, micros);
  }

  /** Returns the decimals that the most exact figure of a row has, at most two. */
  private static int decimals(Row row) {
    return row.servers().stream()
        .map(server -> server.figure(MICROS))
        .filter(Objects::nonNull)
        .mapToInt(micros -> BigDecimal.valueOf(micros).stripTrailingZeros().scale())
        .map(scale -> Math.min(Math.max(scale, 0), 2))
        .max()
        .orElse(0);
  }

  private static String key(Comparable<?> series, Comparable<?> category) {
    return series + "\n" + category;
  }

  private CategoryItemLabelGenerator texts() {
    return new StandardCategoryItemLabelGenerator() {
      private static final long serialVersionUID = 1L;

      @Override
      public String generateLabel(CategoryDataset data, int row, int column) {
        return " " + texts.get(key(data.getRowKey(row), data.getColumnKey(column)));
      }
    };
  }

  private NumberAxis ratios() {
    NumberAxis axis = new NumberAxis();
    double most = 1;
    for (Row row : results.rows()) {
      for (double value : row.relativeTo(base).values()) {
        most = Math.max(most, value);
      }
    }
    axis.setRange(0, most + AFTER);
    axis.setVisible(false);
    return axis;
  }

  /**
   * Draws the bars of a group one after the other, without a gap for a server that is not there.
   */
  private static final class Renderer extends BarRenderer {

    private static final long serialVersionUID = 1L;

    Renderer(Map<String, Color> colors, CategoryItemLabelGenerator texts) {
      setBarPainter(new StandardBarPainter());
      setShadowVisible(false);
      setDrawBarOutline(false);
      setDefaultItemLabelGenerator(texts);
      setDefaultItemLabelsVisible(true);
      setDefaultItemLabelFont(Style.SMALL);
      setDefaultItemLabelPaint(Style.INK);
      setDefaultPositiveItemLabelPosition(
          new ItemLabelPosition(ItemLabelAnchor.OUTSIDE3, TextAnchor.CENTER_LEFT));
      int series = 0;
      for (Color color : colors.values()) {
        setSeriesPaint(series++, color);
      }
    }

    @Override
    protected void calculateBarWidth(
        CategoryPlot plot, Rectangle2D area, int index, CategoryItemRendererState state) {
      state.setBarWidth(BAR);
    }

    @Override
    protected double calculateBarW0(
        CategoryPlot plot,
        PlotOrientation orientation,
        Rectangle2D area,
        CategoryAxis axis,
        CategoryItemRendererState state,
        int row,
        int column) {
      CategoryDataset data = plot.getDataset();
      double start =
          axis.getCategoryStart(column, data.getColumnCount(), area, plot.getDomainAxisEdge());
      for (int i = 0; i < row; i++) {
        start += data.getValue(i, column) == null ? 0 : BAR;
      }
      return start;
    }
  }

  /** An axis whose categories are as high as their bars together. */
  private static final class GroupAxis extends CategoryAxis {

    private static final long serialVersionUID = 1L;

    private final List<Integer> groups;

    GroupAxis(List<Integer> groups) {
      this.groups = groups;
      Style.plain(this, Style.TEXT);
      setMaximumCategoryLabelLines(1);
      setCategoryLabelPositionOffset(8);
      setMaximumCategoryLabelWidthRatio(1);
    }

    int height() {
      return before(groups.size());
    }

    private int before(int group) {
      return groups.subList(0, group).stream().mapToInt(bars -> bars * BAR + BETWEEN).sum();
    }

    @Override
    public double getCategoryStart(int group, int count, Rectangle2D area, RectangleEdge edge) {
      return area.getMinY() + before(group) + BETWEEN / 2.0;
    }

    @Override
    public double getCategoryEnd(int group, int count, Rectangle2D area, RectangleEdge edge) {
      return getCategoryStart(group, count, area, edge) + groups.get(group) * BAR;
    }
  }
}
