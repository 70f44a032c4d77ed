package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.unix.DomainSocketAddress;
import java.io.Serial;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import org.jspecify.annotations.Nullable;

/** The address of a unix socket: a path, a name in the abstract namespace, or no name. */
public final class UnixAddress extends SocketAddress {

  @Serial private static final long serialVersionUID = 1L;

  /** The address of an unnamed socket; most clients are unnamed. */
  static final UnixAddress UNNAMED = new UnixAddress("");

  private final String path;

  private UnixAddress(String path) {
    this.path = path;
  }

  /**
   * Returns the address with the given path.
   *
   * @param path an absolute path, or {@code @} followed by a name in Linux's abstract namespace
   */
  public static UnixAddress of(String path) {
    return new UnixAddress(requireNonNull(path, "path"));
  }

  /** Converts a unix address of Netty or the JDK to this type; returns any other as it is. */
  static SocketAddress from(SocketAddress address) {
    if (address instanceof DomainSocketAddress netty) {
      return ofBytes(netty.path());
    }
    return address instanceof UnixDomainSocketAddress jdk ? ofBytes(jdk.toString()) : address;
  }

  private static UnixAddress ofBytes(String path) {
    return path.isEmpty() ? UNNAMED : new UnixAddress(path.replace('\0', '@'));
  }

  /** Returns the path, {@code @} followed by an abstract name, or an empty string if unnamed. */
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

  /**
   * Returns the address as {@link Server.Builder#listen} takes it: {@code unix:///run/app.sock}.
   */
  @Override
  public String toString() {
    return path.startsWith("/") ? "unix://" + path : "unix:" + path;
  }
}
