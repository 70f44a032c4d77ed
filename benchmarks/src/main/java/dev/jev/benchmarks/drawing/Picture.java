package dev.jev.benchmarks.drawing;

import java.awt.Color;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Rectangle2D;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** A picture of panels, one below the other, as SVG. */
final class Picture {

  private static final String SVG = "http://www.w3.org/2000/svg";
  private static final int WIDTH = 900;
  private static final int MARGIN = 16;
  private static final int HEADING_LINE = 24;
  private static final int TEXT_LINE = 18;
  private static final int SMALL_LINE = 15;
  private static final int GAP = 14;
  private static final int SQUARE = 11;

  /** Texts are darker on light backgrounds, and lighter on dark ones, where that is known. */
  private static final String CSS =
      """
      text { font-family: Arial, Helvetica, 'Liberation Sans', sans-serif; font-kerning: none; }
      @media (prefers-color-scheme: light) { .ink text { fill: #57606a; } }
      @media (prefers-color-scheme: dark) { .ink text { fill: #9aa4ae; } }
      """;

  private final String heading;
  private final String subtitle;
  private final SVGGraphics2D graphics;
  private int y = MARGIN;

  private Picture(String heading, String subtitle) {
    this.heading = heading;
    this.subtitle = subtitle;
    this.graphics = new SVGGraphics2D(context(), /* textAsShapes= */ false);
  }

  private static SVGGeneratorContext context() {
    try {
      Document document =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .getDOMImplementation()
              .createDocument(SVG, "svg", null);
      SVGGeneratorContext context = SVGGeneratorContext.createDefault(document);
      context.setComment(null);
      context.setPrecision(2);
      return context;
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Returns the document. */
  static String svg(String heading, String subtitle, List<Panel> panels) {
    Picture picture = new Picture(heading, subtitle);
    picture.draw(panels);
    return picture.document();
  }

  private void draw(List<Panel> panels) {
    text(heading, MARGIN, Style.HEADING, HEADING_LINE);
    if (!subtitle.isEmpty()) {
      text(subtitle, MARGIN, Style.TEXT, TEXT_LINE);
    }
    for (Panel panel : panels) {
      y += GAP;
      text(panel.title(), MARGIN, Style.TITLE, TEXT_LINE);
      if (!panel.caption().isEmpty()) {
        for (String line : Style.wrap(panel.caption(), Style.SMALL, WIDTH - 2.0 * MARGIN)) {
          text(line, MARGIN, Style.SMALL, SMALL_LINE);
        }
      }
      legend(panel.legend());
      Rectangle2D area = new Rectangle2D.Double(MARGIN, y, WIDTH - 2.0 * MARGIN, panel.height());
      Style.bare(panel.plot()).draw(graphics, area);
      y += panel.height();
    }
    y += MARGIN;
  }

  private void text(String text, double x, Font font, int height) {
    graphics.setFont(font);
    graphics.setPaint(Style.INK);
    y += height;
    graphics.drawString(text, (float) x, y - height / 4f);
  }

  private void legend(Map<String, Color> legend) {
    double x = MARGIN;
    for (Map.Entry<String, Color> entry : legend.entrySet()) {
      graphics.setPaint(entry.getValue());
      graphics.fill(new Ellipse2D.Double(x, y + 7.0, SQUARE, SQUARE));
      text(entry.getKey(), x + SQUARE + 6, Style.TEXT, TEXT_LINE + 3);
      y -= TEXT_LINE + 3;
      x += SQUARE + 6 + Style.width(entry.getKey(), Style.TEXT) + 22;
    }
    y += TEXT_LINE + 8;
  }

  private String document() {
    graphics.setSVGCanvasSize(new Dimension(WIDTH, y));
    Element root = graphics.getRoot();
    root.setAttribute("viewBox", "0 0 " + WIDTH + " " + y);
    root.setAttribute("role", "img");
    root.setAttribute("class", "ink");
    root.insertBefore(element(root, "style", CSS), root.getFirstChild());
    root.insertBefore(element(root, "desc", subtitle), root.getFirstChild());
    root.insertBefore(element(root, "title", heading), root.getFirstChild());
    try {
      Transformer writer = TransformerFactory.newInstance().newTransformer();
      writer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
      writer.setOutputProperty(OutputKeys.INDENT, "yes");
      writer.setOutputProperty("{http://xml.apache.org/xslt}indent-amount", "1");
      StringWriter out = new StringWriter();
      writer.transform(new DOMSource(root), new StreamResult(out));
      return out.toString();
    } catch (TransformerException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Element element(Element root, String name, String text) {
    Element element = root.getOwnerDocument().createElementNS(SVG, name);
    element.setTextContent(text);
    return element;
  }
}
