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
 * <p><b>Problem.</b> Binding a unix socket creates its file, and permissions can be restricted only
 * afterwards. Binding fails if the file exists, even if the process that created it has died.
 * Deleting the file at the path, before binding or when closing, could delete the file of another
 * process.
 *
 * <p><b>Solution.</b> The socket is bound in a temporary directory that only the owner can enter,
 * gets its permissions there, and is then renamed to its path. A rename is atomic, so no process
 * sees a socket that does not listen or has wrong permissions. Netty knows only the temporary path,
 * which is no longer in use. The file at the path is checked before the rename: only a socket
 * without a listener is replaced.
 *
 * <p><b>Race.</b> Two servers could find the same stale file, and the second rename would take the
 * path from the first server. Check and rename therefore hold the lock of a file next to the path.
 * That lock file is deleted under the lock too. A process that has locked a deleted file tries
 * again. It recognizes its own lock file by a random length that it gives the file.
 *
 * <p>At the end the file is deleted under the lock, if it is still the same file. This happens
 * before the socket is closed, since until then no other file can have the same inode.
 */
final class UnixSocketFile {

  /** unix(7): sun_path has 108 bytes with the final zero; the JDK accepts one byte less. */
  private static final int MAX_PATH_BYTES = 106;

  /** Length of the temporary path's end: a slash, {@code .j}, eight characters, {@code /s}. */
  private static final int TEMPORARY_BYTES = 13;

  /** Maximum time to wait for the lock. */
  private static final long LOCK_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final int MAX_MARKER = 1 << 20;

  private static final long LOCK_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /** The lock between the threads of this process; a file lock works only between processes. */
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
  private @Nullable Object fileKey; // null once deleted; guarded by LOCK_OF_THIS_PROCESS

  private UnixSocketFile(Path path, Object fileKey) {
    this.path = path;
    this.fileKey = fileKey;
  }

  /**
   * Binds a socket so that it appears at {@code path}.
   *
   * @throws IOException if the file at the path must not be replaced, or the directory is missing
   *     or not writable, or the path is too long
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
      throw new IOException("directory: " + directory + " (expected: one that is writable)");
    }
  }

  private static void checkLength(String what, Path path, int max) throws IOException {
    int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > max) {
      throw new IOException(what + " length: " + length + " bytes (expected: <= " + max + ")");
    }
  }

  /** Throws unless the path is free, or has a socket without a listener. */
  private static void checkReplaceable(Path path) throws IOException {
    if (!Files.exists(path, NOFOLLOW_LINKS)) {
      return;
    }
    int mode = (Integer) Files.getAttribute(path, "unix:mode", NOFOLLOW_LINKS);
    if ((mode & TYPE_MASK) != SOCKET_TYPE) {
      throw new BindException("exists and is not a socket; not replaced");
    }
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      probe.configureBlocking(false);
      probe.connect(UnixDomainSocketAddress.of(path));
    } catch (ConnectException e) {
      return; // refused, so there is no listener
    } catch (IOException e) { // its backlog is full, or this process has no permission to connect
      throw new BindException("address in use: " + Transport.text(e));
    }
    throw new BindException("address in use");
  }

  /** Returns the key that identifies the file. */
  private static Object bindAndRename(Path path, int mode, Binder binder) throws IOException {
    String name = ".j" + UUID.randomUUID().toString().substring(0, 8);
    Path directory = path.resolveSibling(name);
    Path socket = directory.resolve("s");
    Files.createDirectory(
        directory, PosixFilePermissions.asFileAttribute(permissions(/* mode= */ 0700)));
    try {
      binder.bind(socket);
      Files.setPosixFilePermissions(socket, permissions(mode));
      Object fileKey = readKey(socket);
      Files.move(socket, path, StandardCopyOption.ATOMIC_MOVE);
      return fileKey;
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
   * Deletes the file, if it is still the same file. To be called before the socket is closed. Later
   * calls do nothing, since another file may then have the same inode.
   */
  void remove() {
    try {
      locked(path, this::removeOnce);
    } catch (NoSuchFileException e) {
      // Another process has deleted the file or its directory.
    } catch (IOException e) {
      RateLimitedLog.write(Level.WARNING, "cannot delete " + path, e);
    }
  }

  private boolean removeOnce() throws IOException {
    Object own = fileKey;
    fileKey = null;
    return own != null && own.equals(readKey(path)) && Files.deleteIfExists(path);
  }

  // The lock.

  private static <T> T locked(Path path, Action<T> action) throws IOException {
    Path lock = path.resolveSibling("." + path.getFileName() + ".lock");
    long end = System.nanoTime() + LOCK_NANOS;
    synchronized (LOCK_OF_THIS_PROCESS) {
      while (System.nanoTime() - end < 0) {
        try (FileChannel file = FileChannel.open(lock, LOCK_OPTIONS, OWNER_ONLY);
            FileLock fileLock = file.tryLock()) {
          if (fileLock != null && isCurrent(file, lock)) {
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
    throw new BindException("address in use: another process holds the lock " + lock);
  }

  /**
   * Returns whether the locked file is still the one at {@code lock}, and was not deleted before it
   * was locked. It compares lengths instead of reading the file at {@code lock}, since closing that
   * file would release all locks of this process on it, see fcntl(2).
   */
  private static boolean isCurrent(FileChannel file, Path lock) throws IOException {
    int marker = ThreadLocalRandom.current().nextInt(MAX_MARKER);
    file.truncate(0).write(ByteBuffer.allocate(1), marker);
    try {
      return Files.size(lock) == marker + 1L;
    } catch (NoSuchFileException e) {
      return false;
    }
  }
}
