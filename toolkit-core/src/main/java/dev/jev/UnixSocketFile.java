package dev.jev;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.BindException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The file of a listening unix socket.
 *
 * <p><b>Problem.</b> Binding creates the file, with permissions that are narrowed only afterwards,
 * and fails if there is one, though it may be left over from a process that has died. To delete
 * what stands there, before it binds or at its close, could hit a file that is somebody else's.
 *
 * <p><b>Way.</b> The socket is bound in a directory of its own, into which nobody else can look,
 * gets its permissions there, and is then renamed to its path, which is atomic. So no process sees
 * a socket that does not listen or has other permissions, and Netty knows only a path that nobody
 * uses any more. Before that, what stands at the path is looked at: only a socket at which nobody
 * listens is replaced.
 *
 * <p><b>Race.</b> Two servers could both find the same stale file, and the second rename would
 * steal the path from the first server. Looking and renaming therefore happen under the lock of a
 * file beside the path. That file is deleted under the lock too, so who gets the lock of a deleted
 * one tries again; it knows its own by a length that it gives it.
 *
 * <p>At the end the file is deleted, under the lock, if it is still the same one, and before the
 * socket is closed: until then no other file can have its inode.
 */
final class UnixSocketFile {

  /** unix(7): sun_path has 108 bytes, with a zero at the end; the JDK takes one less. */
  private static final int MAX_PATH_BYTES = 106;

  /** In the directory of the path: {@code .j}, eight characters, and {@code /s}. */
  private static final int TEMPORARY_BYTES = 13;

  /** How long somebody else may have the lock. */
  private static final long LOCK_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final int MAX_MARK = 1 << 20;

  private static final long LOCK_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /** The lock of a file is one between processes. */
  private static final Object LOCK_OF_THIS_PROCESS = new Object();

  private static final Set<OpenOption> LOCK_OPTIONS =
      Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, NOFOLLOW_LINKS);

  private static final FileAttribute<?> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(permissions(/* mode= */ 0600));

  // inode(7)
  private static final int TYPE_MASK = 0170000;
  private static final int SOCKET_TYPE = 0140000;

  /** Binds a socket to a path. */
  interface Binder {
    void bind(Path temporary) throws IOException;
  }

  private interface Action<T> {
    T run() throws IOException;
  }

  private final Path path;
  private @Nullable Object key; // null when it is deleted; guarded by LOCK_OF_THIS_PROCESS

  private UnixSocketFile(Path path, Object key) {
    this.path = path;
    this.key = key;
  }

  /**
   * Binds a socket so that it appears at {@code path}.
   *
   * @throws IOException if there is something that must not be replaced, or no place for it
   */
  static UnixSocketFile create(Path path, int mode, Binder binder) throws IOException {
    Path directory = path.getParent();
    if (directory == null || !Files.isDirectory(directory)) {
      throw new IOException("directory: " + directory + " (expected: one that exists)");
    }
    checkLength("path", path, MAX_PATH_BYTES);
    checkLength("directory", directory, MAX_PATH_BYTES - TEMPORARY_BYTES);
    try {
      return locked(
          path,
          () -> {
            checkReplaceable(path);
            return new UnixSocketFile(path, bindAndRename(path, mode, binder));
          });
    } catch (AccessDeniedException e) {
      throw new IOException("directory: " + directory + " (expected: one that may be written to)");
    }
  }

  private static void checkLength(String what, Path path, int max) throws IOException {
    int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > max) {
      throw new IOException(what + " length: " + length + " bytes (expected: <= " + max + ")");
    }
  }

  private static void checkReplaceable(Path path) throws IOException {
    if (!Files.exists(path, NOFOLLOW_LINKS)) {
      return;
    }
    int mode = (Integer) Files.getAttribute(path, "unix:mode", NOFOLLOW_LINKS);
    if ((mode & TYPE_MASK) != SOCKET_TYPE) {
      throw new BindException("not a socket, and left alone");
    }
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      probe.configureBlocking(false);
      probe.connect(UnixDomainSocketAddress.of(path));
    } catch (ConnectException e) {
      return; // refused: nobody listens
    } catch (IOException e) { // its queue is full, or this process may not know
      throw new BindException("address in use: " + e.getMessage());
    }
    throw new BindException("address in use");
  }

  /** Returns what tells the file from others. */
  private static Object bindAndRename(Path path, int mode, Binder binder) throws IOException {
    String name = ".j" + UUID.randomUUID().toString().substring(0, 8);
    Path directory = path.resolveSibling(name);
    Path socket = directory.resolve("s");
    Files.createDirectory(
        directory, PosixFilePermissions.asFileAttribute(permissions(/* mode= */ 0700)));
    try {
      binder.bind(socket);
      Files.setPosixFilePermissions(socket, permissions(mode));
      Object key = readKey(socket);
      Files.move(socket, path, StandardCopyOption.ATOMIC_MOVE);
      return key;
    } finally {
      Files.deleteIfExists(socket);
      Files.deleteIfExists(directory);
    }
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    PosixFilePermission[] all = PosixFilePermission.values(); // from 0400 down to 0001
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    for (int i = 0; i < all.length; i++) {
      if ((mode & (0400 >> i)) != 0) {
        permissions.add(all[i]);
      }
    }
    return permissions;
  }

  private static Object readKey(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class, NOFOLLOW_LINKS).fileKey();
  }

  /**
   * Deletes the file if it is still this one; to be called before the socket is closed. Later calls
   * do nothing, since another file may have its inode then.
   */
  void remove() {
    try {
      locked(path, this::removeOnce);
    } catch (NoSuchFileException e) {
      // Somebody else did it, or has deleted the directory.
    } catch (IOException e) {
      RateLimitedLog.write(Level.WARNING, "cannot delete " + path, e);
    }
  }

  private boolean removeOnce() throws IOException {
    Object own = key;
    key = null;
    return own != null && own.equals(readKey(path)) && Files.deleteIfExists(path);
  }

  // The lock.

  private static <T> T locked(Path path, Action<T> action) throws IOException {
    Path lock = path.resolveSibling("." + path.getFileName() + ".lock");
    long end = System.nanoTime() + LOCK_NANOS;
    synchronized (LOCK_OF_THIS_PROCESS) {
      while (System.nanoTime() - end < 0) {
        try (FileChannel file = FileChannel.open(lock, LOCK_OPTIONS, OWNER_ONLY);
            FileLock held = file.tryLock()) {
          if (held != null && isCurrent(file, lock)) {
            try {
              return action.run();
            } finally {
              Files.deleteIfExists(lock);
            }
          }
        }
        LockSupport.parkNanos(LOCK_PAUSE_NANOS);
      }
    }
    throw new BindException("address in use: another process has the lock " + lock);
  }

  /**
   * Whether the file that is locked was not deleted before it was. Not to be found out by reading:
   * whoever closes a file gives up all locks of his process on it, see fcntl(2).
   */
  private static boolean isCurrent(FileChannel file, Path lock) throws IOException {
    int mark = ThreadLocalRandom.current().nextInt(MAX_MARK);
    file.truncate(0).write(ByteBuffer.allocate(1), mark);
    try {
      return Files.size(lock) == mark + 1L;
    } catch (NoSuchFileException e) {
      return false;
    }
  }
}
