package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A protocol of JSON texts, one per line. */
final class JsonLinesProtocol<I, O> implements Protocol<I, O> {

  private static final StrictText UTF8 = new StrictText(UTF_8);
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final LineFrames lines = new LineFrames(Integer.MAX_VALUE);
  private final JsonMapper mapper;
  private final Class<I> type;
  private final ObjectReader reader;
  private final ObjectWriter writer;

  JsonLinesProtocol(JsonMapper mapper, Class<I> type) {
    this.mapper = mapper;
    this.type = type;
    this.reader = mapper.readerFor(type).with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    this.writer = mapper.writer().without(SerializationFeature.INDENT_OUTPUT);
  }

  /** The mapper of trees: Jackson's defaults, without a table of names. */
  private static final class Trees {
    static final JsonMapper MAPPER =
        JsonMapper.builder(
                JsonFactory.builder()
                    .disable(JsonFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
                    .build())
            .build();
  }

  /** Creates a protocol with Jackson's defaults whose messages are any JSON texts. */
  static JsonLinesProtocol<JsonNode, JsonNode> ofTrees() {
    return new JsonLinesProtocol<>(Trees.MAPPER, JsonNode.class);
  }

  @Override
  public @Nullable I unpack(ProtocolContext context, ByteBuf in) {
    for (int end = lines.find(context, in); end >= 0; end = lines.find(context, in)) {
      ByteBuf line = in.readSlice(LineFrames.lineBytes(in, end));
      in.readerIndex(end + 1);
      I message = isBlank(line) ? null : parse(line);
      if (message != null) {
        return message;
      }
    }
    return null;
  }

  /** Returns true if there is nothing to parse; a parser per line feed would cost too much. */
  private static boolean isBlank(ByteBuf line) {
    for (int i = line.readerIndex(); i < line.writerIndex(); i++) {
      byte b = line.getByte(i);
      if (b != ' ' && b != '\t' && b != '\r') {
        return false;
      }
    }
    return true;
  }

  /** Returns null if the line has no content for Jackson, for example only a comment. */
  private @Nullable I parse(ByteBuf line) {
    int length = line.readableBytes();
    I message;
    try (JsonParser parser = reader.createParser(text(line))) {
      if (parser.nextToken() == null) {
        return null;
      }
      message = reader.readValue(parser);
    } catch (RuntimeException e) { // from Jackson, from the user's type, or malformed UTF-8
      throw rejection(length + " bytes that do not parse", e);
    }
    if (message == null) {
      throw rejection("null", null);
    }
    return message;
  }

  /**
   * Returns the text of a line, which must be UTF-8. Jackson gets no bytes: it accepts overlong
   * forms, surrogates and code points above U+10FFFF in values, and keeps the names that it has
   * read in a table for all connections. A search in its table for bytes takes microseconds for
   * names that a peer has chosen to have the same hash; the one for characters limits their number.
   */
  private static String text(ByteBuf line) {
    String text = UTF8.decode(line, line.readerIndex(), line.readableBytes());
    return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
  }

  private ProtocolException rejection(String actual, @Nullable Exception cause) {
    String fault =
        "line: " + actual + " (expected: one JSON text for " + type.getSimpleName() + ")";
    return cause == null ? new ProtocolException(fault) : new ProtocolException(fault, cause);
  }

  @Override
  public void pack(O message, ByteBuf out) {
    int start = out.writerIndex();
    try (OutputStream bytes = new ByteBufOutputStream(out)) {
      writer.writeValue(bytes, message);
    } catch (IOException | RuntimeException e) {
      throw new IllegalArgumentException(
          "message: " + e.getClass().getName() + " (expected: a value that Jackson can write)", e);
    }
    if (out.indexOf(start, out.writerIndex(), (byte) '\n') >= 0) { // from raw JSON in the message
      throw LineFrames.lineBreak();
    }
    out.writeByte('\n');
  }

  @Override
  public Object encodingKey() {
    return mapper;
  }
}
