package dev.jev.benchmarks.drawing;

import java.awt.Color;
import java.util.Map;
import org.jfree.chart.plot.Plot;

/**
 * A part of a picture, with axes of its own.
 *
 * @param title the line above the legend
 * @param caption when, where and how it was measured; may be empty
 * @param legend the color of each label, in order
 * @param height of the plot with its axes, in pixels
 */
record Panel(String title, String caption, Map<String, Color> legend, Plot plot, int height) {}
