package dev.jev.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Protocols} on a class path without the optional jars. */
class OptionalJarsTest {

  private static final String OPTIONAL =
      ".*(protobuf-java|msgpack-core|jackson-(core|databind|annotations))-[^/]*[.]jar";

  @Test
  void otherProtocolsNeedNoneOfThem() throws Exception {
    for (String factory : List.of("bytes", "lengthPrefixed", "varintPrefixed", "resp")) {
      assertThat(call(factory)).as(factory).isNotNull();
    }
  }

  @Test
  void protocolThatNeedsOneSaysWhich() {
    for (String[] expected :
        new String[][] {
          {"jsonLines", "tools.jackson.core:jackson-databind"},
          {"messagePack", "org.msgpack:msgpack-core"}
        }) {
      assertThatThrownBy(() -> call(expected[0]))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("protocol: not available (expected: %s on the class path)", expected[1]);
    }
  }

  /** Calls a factory of {@code Protocols} from code compiled against it. */
  private static Object call(String factory) throws Exception {
    List<URL> jars = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      if (!entry.matches(OPTIONAL)) {
        jars.add(new File(entry).toURI().toURL());
      }
    }
    assertThat(jars).isNotEmpty();
    try (URLClassLoader loader =
        new URLClassLoader(jars.toArray(new URL[0]), ClassLoader.getPlatformClassLoader())) {
      Class<?> caller = loader.loadClass(Caller.class.getName());
      return caller.getDeclaredMethod("call", String.class).invoke(null, factory);
    } catch (InvocationTargetException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  /**
   * A caller that links only the method that it calls. Reflection would resolve all methods of
   * {@code Protocols}, including the types that are missing.
   */
  public static final class Caller {

    private Caller() {}

    public static Object call(String factory) {
      return switch (factory) {
        case "bytes" -> Protocols.bytes();
        case "lengthPrefixed" -> Protocols.lengthPrefixed();
        case "varintPrefixed" -> Protocols.varintPrefixed();
        case "resp" -> Protocols.resp();
        case "jsonLines" -> Protocols.jsonLines();
        case "messagePack" -> Protocols.messagePack();
        default -> throw new IllegalArgumentException(factory);
      };
    }
  }
}
