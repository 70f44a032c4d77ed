package dev.jev.benchmarks.working;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.jev.Plugin;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.benchmarks.shared.WebSocketFrames;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.Protocols;
import dev.jev.plugin.StreamTransform;
import dev.jev.websocket.WebSocketCompression;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.zip.GZIPOutputStream;

/** The inputs without output of all protocols. */
final class WorkRows {

  private static final int INPUT_BYTES = 512 * 1024;
  private static final int TEXT_BYTES = 64 * 1024;
  private static final int MESSAGE_BYTES = 256;
  private static final byte[] NOTHING = {};

  /** A block of zstd with eight letters. */
  private static final String LETTERS = "4000006162636465666761";

  /** A block of zstd with one literal and one match, and four tables of their own for them. */
  private static final String BLOCK_WITH_TABLES =
      "bc00001200028a123456789ab00301a8e4ffe37fe4ff00000004";

  private final List<WorkRow> rows = new ArrayList<>();

  private WorkRows() {}

  static List<WorkRow> all() {
    WorkRows all = new WorkRows();
    all.zstd();
    all.gzip();
    all.deflate();
    all.webSocket();
    all.frames();
    all.resp();
    all.text();
    all.netty();
    return all.rows;
  }

  private void zstd() {
    byte[] ordinary = repeated(flushedZstd());
    byte[] begun = hex("28b52ffd0068"); // a frame with a window of 8 MiB
    transform("zstd", StreamTransform.zstd(), NOTHING, ordinary)
        .row("skippable frames", repeated(hex("502a4d1800000000")))
        .row("empty frames", repeated(hex("28b52ffd2000010000")))
        .row("empty frames with a window", repeated(hex("28b52ffd0068010000")))
        .row("empty blocks", joined(begun, repeated(hex("000000"))))
        .row("tables", joined(begun, hex(LETTERS), repeated(hex(BLOCK_WITH_TABLES))));
    transform("zstd", StreamTransform.zstd(), NOTHING, repeated(Zstd.compress(text(256))))
        .row("frames of 4 B, against frames of 256 B", repeated(Zstd.compress(text(4))));
  }

  private void gzip() {
    byte[] ordinary = repeated(flushedGzip());
    byte[] header = hex("1f8b08000000000000ff");
    transform("gzip", StreamTransform.gzip(), NOTHING, ordinary)
        .row("empty members", repeated(hex("1f8b08000000000000ff03000000000000000000")))
        .row("stored blocks", joined(header, repeated(hex("000000ffff"))))
        .row("fixed blocks", joined(header, repeated(Blocks.fixed(4))))
        .row("dynamic blocks", joined(header, repeated(Blocks.dynamic(4))));
  }

  private void deflate() {
    byte[] message = compressed(WebSocketFrames.deflated(text(MESSAGE_BYTES)));
    byte[] history = compressed(WebSocketFrames.deflated(text(100_000)));
    for (boolean takeover : new boolean[] {false, true}) {
      WebSocketHandshake handshake =
          takeover ? WebSocketHandshake.BROWSER : WebSocketHandshake.DEFLATE;
      WebSocketCompression options = WebSocketCompression.DEFAULT;
      Supplier<WebSocketProtocol> protocol =
          WebSocketProtocol.server()
              .maxMessageBytes(1 << 20)
              .compression(takeover ? options.contextTakeover() : options)
              .build();
      server(
              takeover ? "deflate with takeover" : "deflate",
              protocol,
              joined(handshake.request(80), history),
              repeated(message))
          .row("final blocks, 64 KiB per message", repeated(compressed(ends(64 * 1024))))
          .messages("final blocks, 2 per message", compressed(ends(4)), message)
          .messages("empty messages", compressed(hex("00")), message)
          .row("stored blocks", blocks(hex("000000ffff")))
          .row("fixed blocks", blocks(Blocks.fixed(4)))
          .row("dynamic blocks", blocks(Blocks.dynamic(4)));
    }
  }

  /** Returns messages that consist of blocks without content. */
  private static byte[] blocks(byte[] unit) {
    return repeated(compressed(joined(bytes(unit, 64 * 1024), hex("00"))));
  }

  private static byte[] ends(int bytes) {
    return joined(bytes(hex("0300"), bytes), hex("00"));
  }

  private static byte[] compressed(byte[] payload) {
    return WebSocketFrames.ofClient(WebSocketFrames.COMPRESSED_TEXT, payload);
  }

  private void webSocket() {
    byte[] opening = WebSocketHandshake.MINIMAL.request(80);
    byte[] message = WebSocketFrames.ofClient(WebSocketFrames.TEXT, text(16));
    byte[] begun = WebSocketFrames.ofClient(0x01, NOTHING);
    server("websocket", WebSocketProtocol::new, opening, repeated(message))
        .messages("empty messages", WebSocketFrames.ofClient(0x81, NOTHING), message)
        .row("empty fragments", joined(begun, repeated(WebSocketFrames.ofClient(0, NOTHING))))
        .row("pings", repeated(WebSocketFrames.ofClient(0x89, NOTHING)))
        .row("pongs", repeated(WebSocketFrames.ofClient(0x8a, NOTHING)));
  }

  private void frames() {
    byte[] prefixed = joined(hex("0000000c"), text(12));
    server("lengthPrefixed", Protocols::lengthPrefixed, NOTHING, repeated(prefixed))
        .messages("empty messages", hex("00000000"), prefixed);
    byte[] varint = joined(hex("0c"), text(12));
    server("varintPrefixed", Protocols::varintPrefixed, NOTHING, repeated(varint))
        .messages("empty messages", hex("00"), varint);
    byte[] map = joined(hex("83a6"), ascii("symbol"), hex("a3"), ascii("JEV"));
    map = joined(map, hex("a5"), ascii("price"), hex("65a4"), ascii("size"), hex("0c"));
    server("messagePack", Protocols::messagePack, NOTHING, repeated(map))
        .messages("nil", hex("c0"), map)
        .messages("empty arrays", hex("90"), map)
        .row("nested arrays", repeated(joined(bytes(hex("91"), 99), hex("c0"))))
        .row("arrays of nil", repeated(joined(hex("dc1000"), bytes(hex("c0"), 4096))));
  }

  private void resp() {
    byte[] command = ascii("*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n");
    byte[] arguments = joined(ascii("*1000\r\n"), bytes(ascii("$0\r\n\r\n"), 6000));
    server("resp", Protocols::resp, NOTHING, repeated(command))
        .row("line feeds", repeated(ascii("\n")))
        .row("lines of blanks", repeated(ascii(" \r\n")))
        .row("empty arrays", repeated(ascii("*0\r\n")))
        .row("negative arrays", repeated(ascii("*-1\r\n")))
        .row("commands of empty arguments", repeated(arguments))
        .row("inline commands of short arguments", repeated(ascii("a ".repeat(1000) + "\n")));
    byte[] reply = ascii("$5\r\nhello\r\n");
    server("respClient", Protocols::respClient, NOTHING, repeated(reply))
        .messages("null", ascii("_\r\n"), reply)
        .messages("empty arrays", ascii("*0\r\n"), reply)
        .row("nested arrays", repeated(joined(bytes(ascii("*1\r\n"), 120), ascii("_\r\n"))))
        .row("big numbers", repeated(ascii("(" + "9".repeat(1000) + "\r\n")));
  }

  private void text() {
    byte[] line = joined(text(15), ascii("\n"));
    server("lines", Protocols::lines, NOTHING, repeated(line))
        .messages("line feeds", ascii("\n"), line)
        .messages("CR LF", ascii("\r\n"), line);
    byte[] json = ascii("{\"symbol\":\"JEV\",\"price\":101.25,\"size\":12}\n");
    server("jsonLines", Protocols::jsonLines, NOTHING, repeated(json))
        .row("line feeds", repeated(ascii("\n")))
        .row("lines of blanks", repeated(ascii("   \r\n")))
        .row("blanks before a value", repeated(joined(bytes(ascii(" "), 4096), ascii("[]\n"))))
        .messages("empty arrays", ascii("[]\n"), json)
        .row("nested arrays", repeated(ascii("[".repeat(400) + "]".repeat(400) + "\n")));
  }

  private void netty() {
    byte[] request = ascii("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    Supplier<Protocol<HttpObject, Object>> http =
        NettyCodec.of(HttpObject.class, () -> List.of(new HttpServerCodec()));
    server("netty-http", http, NOTHING, repeated(request))
        .row("empty lines", repeated(ascii("\r\n")));
    byte[] publish = joined(hex("300f0006"), ascii("a/b/cd"), text(7));
    byte[] subscription = joined(hex("82060001"), ascii("\0\1a\0"));
    byte[] subscriptions = joined(hex("82a21f0001"), bytes(ascii("\0\1a\0"), 4000));
    Supplier<Protocol<MqttMessage, Object>> mqtt =
        NettyCodec.of(MqttMessage.class, () -> List.of(new MqttDecoder(1 << 16)));
    server("netty-mqtt", mqtt, NOTHING, repeated(publish))
        .messages("pings", hex("c000"), publish)
        .messages("empty publications", joined(hex("30030001"), ascii("a")), publish);
    server("netty-mqtt", mqtt, NOTHING, repeated(subscription))
        .row("subscriptions of short filters", repeated(subscriptions));
  }

  // Tables.

  /** Adds rows with the same server and ordinary input. */
  private final class Table {
    private final String name;
    private final Supplier<Server.Builder<?, ?>> server;
    private final byte[] opening;
    private final byte[] ordinary;

    Table(String name, Supplier<Server.Builder<?, ?>> server, byte[] opening, byte[] ordinary) {
      this.name = name;
      this.server = server;
      this.opening = opening;
      this.ordinary = ordinary;
    }

    /** Adds a row of input without output. */
    Table row(String input, byte[] bytes) {
      return add(new WorkInput("ordinary", ordinary, 1), new WorkInput(input, bytes, 1));
    }

    /** Adds a row of messages without content, which are compared with ordinary messages. */
    Table messages(String input, byte[] message, byte[] ordinaryMessage) {
      return add(
          new WorkInput("ordinary", ordinary, ordinaryMessage.length),
          new WorkInput(input, repeated(message), message.length));
    }

    private Table add(WorkInput usual, WorkInput empty) {
      rows.add(new WorkRow(name, server, new WorkInput("opening", opening, 1), usual, empty));
      return this;
    }
  }

  private Table transform(String name, Plugin plugin, byte[] opening, byte[] ordinary) {
    return new Table(
        name,
        () ->
            Server.<ByteBuf, ByteBuf>builder(Protocols::bytes, (connection, message) -> {})
                .plugin(plugin),
        opening,
        ordinary);
  }

  private <I, O> Table server(
      String name, Supplier<? extends Protocol<I, O>> protocol, byte[] opening, byte[] ordinary) {
    return new Table(
        name, () -> Server.<I, O>builder(protocol, (connection, message) -> {}), opening, ordinary);
  }

  // Bytes.

  private static byte[] text(int length) {
    return WebSocketFrames.json(length, new SplittableRandom(7));
  }

  /** Returns messages in one gzip member, flushed one by one. */
  private static byte[] flushedGzip() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(out, /* syncFlush= */ true)) {
      writeFlushed(gzip);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private static byte[] flushedZstd() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream zstd = new ZstdOutputStream(out)) {
      writeFlushed(zstd);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private static void writeFlushed(OutputStream out) throws IOException {
    byte[] text = text(TEXT_BYTES);
    for (int i = 0; i < text.length; i += MESSAGE_BYTES) {
      out.write(text, i, MESSAGE_BYTES);
      out.flush();
    }
  }

  private static byte[] hex(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  private static byte[] repeated(byte[] unit) {
    return bytes(unit, INPUT_BYTES);
  }

  /** Repeats the unit to at least the given length. */
  private static byte[] bytes(byte[] unit, int length) {
    int times = (length + unit.length - 1) / unit.length;
    byte[] all = new byte[times * unit.length];
    for (int i = 0; i < times; i++) {
      System.arraycopy(unit, 0, all, i * unit.length, unit.length);
    }
    return all;
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
