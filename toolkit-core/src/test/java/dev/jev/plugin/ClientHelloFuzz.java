package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.NettyVersion;
import dev.jev.Plugin;
import dev.jev.plugin.FuzzedPlugin.Outcome;
import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The choice of a certificate by the server name. There is none for other names. */
@Timeout(60)
class ClientHelloFuzz {

  private static final String UNKNOWN = "server name: ";
  private static final String NONE = "none";
  private static final String MALFORMED = "";

  @TempDir static Path directory;
  private static FuzzedPlugin reader;

  @BeforeAll
  static void certify() throws Exception {
    NettyVersion.assumeAtLeast("4.2.17", "a ClientHello in several records is misread");
    TlsIdentity identity = new Certificates(directory).pem("a.example");
    TlsContexts contexts =
        Tls.server()
            .provider(Tls.Provider.JDK)
            .identity("a.example", identity)
            .taskExecutor(task -> {}) // the handshake itself is not of interest
            .build()
            .contexts();
    Plugin plugin =
        new Plugin() {
          @Override
          public @Nullable Observer install(Link link) {
            link.pipeline().addLast(new ClientHelloReader(contexts));
            return null;
          }
        };
    reader =
        new FuzzedPlugin(
            plugin, link -> link.channel().pipeline().get(ClientHelloReader.class) == null);
  }

  @FuzzTest
  void nameIsThatOfASimpleParserHoweverTheInputIsSplit(byte[] input) {
    Outcome outcome = reader.checkSplits(input);
    String refusal = outcome.refusal();
    String shown = null;
    if (outcome.events().contains("done")) {
      shown = "a.example";
    } else if (refusal != null && refusal.startsWith(UNKNOWN)) {
      shown = refusal.substring(UNKNOWN.length(), refusal.indexOf(" (expected"));
    }
    String name = name(input);
    if (shown != null && !name.equals(MALFORMED)) { // the engine refuses that
      boolean valid = name.equals(NONE) || ServerNames.isName(name);
      assertThat(shown).isEqualTo(valid ? name : "not a host name");
    }
  }

  /** Returns the server name in the first ClientHello, in lower case (RFC 8446, 4.1.2). */
  private static String name(byte[] input) {
    try {
      ByteBuffer hello = part(ByteBuffer.wrap(message(input)), 0);
      hello.position(hello.position() + 2 + 32); // version, random
      part(hello, 1); // session id
      part(hello, 2); // cipher suites
      part(hello, 1); // compression methods
      ByteBuffer extensions = part(hello, 2);
      while (extensions.hasRemaining()) {
        int type = extensions.getShort();
        ByteBuffer extension = part(extensions, 2);
        if (type == 0) { // RFC 6066, 3
          ByteBuffer names = part(extension, 2);
          return names.get() == 0
              ? US_ASCII.decode(part(names, 2)).toString().toLowerCase(Locale.US)
              : NONE;
        }
      }
      return NONE;
    } catch (BufferUnderflowException | IllegalArgumentException e) {
      return MALFORMED;
    }
  }

  /** Returns the handshake message without its type and length, from as many records as it has. */
  private static byte[] message(byte[] input) {
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    ByteBuffer records = ByteBuffer.wrap(input);
    while (message.size() < 4 || message.size() < 4 + length(message.toByteArray())) {
      if (records.get() != TlsRecord.HANDSHAKE || records.get() != 3) {
        throw new IllegalArgumentException("not a handshake record");
      }
      records.get(); // minor version
      ByteBuffer fragment = part(records, 2);
      message.write(fragment.array(), fragment.arrayOffset(), fragment.remaining());
    }
    byte[] bytes = message.toByteArray();
    return Arrays.copyOfRange(bytes, 4, 4 + length(bytes));
  }

  private static int length(byte[] message) {
    return ByteBuffer.wrap(message).getInt() & 0xffffff;
  }

  /** Returns a part with a length of so many bytes in front of it; the rest for none. */
  private static ByteBuffer part(ByteBuffer in, int lengthBytes) {
    int length = in.remaining();
    for (int i = 0; i < lengthBytes; i++) {
      length = (i == 0 ? 0 : length << 8) + Byte.toUnsignedInt(in.get());
    }
    if (length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    ByteBuffer part = in.slice(in.position(), length);
    in.position(in.position() + length);
    return part;
  }
}
