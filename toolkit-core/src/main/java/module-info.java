/** Protocol servers on Netty; start with {@link dev.jev.Server}. */
module dev.jev {
  requires transitive io.netty.buffer;
  requires transitive io.netty.transport;
  requires io.netty.codec;
  requires io.netty.codec.compression;
  requires io.netty.common;
  requires io.netty.handler;
  requires io.netty.transport.classes.epoll;
  requires io.netty.transport.classes.io_uring;
  requires io.netty.transport.classes.kqueue;
  requires io.netty.transport.unix.common;
  requires java.management;
  requires java.naming;
  requires jdk.jfr;
  requires static com.github.luben.zstd_jni;
  requires static io.netty.tcnative.classes.openssl;
  requires static transitive org.jspecify;

  exports dev.jev;
  exports dev.jev.plugin;
}
