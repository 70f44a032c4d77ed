/**
 * Pictures of results as SVG: bars, dots and curves, drawn by JFreeChart and written by Batik. They
 * are transparent, and their texts have a contrast on light and on dark backgrounds.
 */
@NullMarked
package dev.jev.benchmarks.drawing;

import org.jspecify.annotations.NullMarked;
