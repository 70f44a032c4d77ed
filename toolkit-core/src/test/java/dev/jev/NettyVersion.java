package dev.jev;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.Channel;
import io.netty.util.Version;
import java.lang.module.ModuleDescriptor;

/** The version of Netty that the tests run on, which may be older than the one of the build. */
public final class NettyVersion {

  private static final String CURRENT =
      Version.identify(Channel.class.getClassLoader()).get("netty-common").artifactVersion();

  private NettyVersion() {}

  /**
   * Skips the test on a Netty older than the given version.
   *
   * @param version the first version without the fault, such as {@code 4.2.17}
   * @param fault the fault of older versions
   */
  public static void assumeAtLeast(String version, String fault) {
    assumeTrue(isAtLeast(version), () -> "Netty " + CURRENT + ": " + fault);
  }

  /** Returns whether this Netty is of the given version or later. */
  public static boolean isAtLeast(String version) {
    return ModuleDescriptor.Version.parse(CURRENT)
            .compareTo(ModuleDescriptor.Version.parse(version))
        >= 0;
  }
}
