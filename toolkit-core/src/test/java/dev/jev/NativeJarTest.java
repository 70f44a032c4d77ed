package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.FileNotFoundException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The name of the artifact whose native code is missing. */
class NativeJarTest {

  @Test
  @EnabledOnOs(OS.LINUX)
  void absentLibraryNamesItsArtifact() {
    String architecture = System.getProperty("os.arch");
    assumeTrue(architecture.equals("amd64") || architecture.equals("aarch64"));
    String classifier = architecture.equals("amd64") ? "linux-x86_64" : "linux-aarch_64";
    var absent = new FileNotFoundException("META-INF/native/libnetty_transport_native_io_uring.so");
    assertThat(NativeJar.missing("io_uring", absent))
        .hasMessage(
            "io.netty:netty-transport-native-io_uring with classifier %s is not on the class path",
            classifier);
  }

  @Test
  void otherFailuresNameNone() {
    assertThat(NativeJar.missing("epoll", new UnsatisfiedLinkError("no libc"))).isNull();
    assertThat(NativeJar.missing("epoll", new FileNotFoundException("/tmp/x.so"))).isNull();
    assertThat(NativeJar.missing("epoll", new FileNotFoundException())).isNull();
  }
}
