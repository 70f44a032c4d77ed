package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.unix.DomainSocketAddress;
import java.io.Serial;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import org.jspecify.annotations.Nullable;

/** The address of a unix socket: a path, a name outside the file system, or none. */
public final class UnixAddress extends SocketAddress {

  @Serial private static final long serialVersionUID = 1L;

  /** That of a socket which was not given one, as most clients are not. */
  static final UnixAddress UNNAMED = new UnixAddress("");

  private final String path;

  private UnixAddress(String path) {
    this.path = path;
  }

  /**
   * An address by its path.
   *
   * @param path absolute; or, in Linux's abstract namespace, a name with {@code @} in front of it
   */
  public static UnixAddress of(String path) {
    return new UnixAddress(requireNonNull(path, "path"));
  }

  /** The same address, as one of this type if Netty or the JDK made it for a unix socket. */
  static SocketAddress from(SocketAddress address) {
    if (address instanceof DomainSocketAddress netty) {
      return ofBytes(netty.path());
    }
    return address instanceof UnixDomainSocketAddress jdk ? ofBytes(jdk.toString()) : address;
  }

  private static UnixAddress ofBytes(String path) {
    return path.isEmpty() ? UNNAMED : new UnixAddress(path.replace('\0', '@'));
  }

  /** The path; a name with {@code @} in front of it; or nothing. */
  public String path() {
    return path;
  }

  boolean isAbstract() {
    return path.startsWith("@");
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof UnixAddress address && address.path.equals(path);
  }

  @Override
  public int hashCode() {
    return path.hashCode();
  }

  /** In the form that {@link Server.Builder#listen} takes: {@code unix:///run/app.sock}. */
  @Override
  public String toString() {
    return path.startsWith("/") ? "unix://" + path : "unix:" + path;
  }
}
