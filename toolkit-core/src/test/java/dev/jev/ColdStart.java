package dev.jev;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.MalformedURLException;
import java.net.Socket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.IntSupplier;

/** A server whose classes were not loaded before, as in a new JVM. */
public final class ColdStart {

  /** A server that runs once it is created, with the port that it listens on. */
  public interface Running extends IntSupplier, AutoCloseable {
    @Override
    void close();
  }

  /** A conversation of a client with a server. */
  public interface Conversation {
    void hold(Socket socket) throws IOException;
  }

  /** A loader of the class path of the tests that tells what event loops load. */
  private static final class Loader extends URLClassLoader {

    private final List<String> loadedOnLoops = Collections.synchronizedList(new ArrayList<>());

    Loader() throws MalformedURLException {
      super(classPath(), ClassLoader.getPlatformClassLoader());
    }

    private static URL[] classPath() throws MalformedURLException {
      List<URL> urls = new ArrayList<>();
      for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
        urls.add(Path.of(entry).toUri().toURL());
      }
      return urls.toArray(new URL[0]);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      if (name.equals(Running.class.getName())) {
        return Running.class; // shared with the test
      }
      if (Thread.currentThread().getName().startsWith("jev-loop")) {
        loadedOnLoops.add(name);
      }
      return super.findClass(name);
    }
  }

  private ColdStart() {}

  /** Returns the classes that the first connection of a server loads on its event loop. */
  public static List<String> loadedByFirstConnection(
      Class<? extends Running> type, Conversation conversation) throws Exception {
    try (Loader loader = new Loader();
        Running server =
            (Running) loader.loadClass(type.getName()).getConstructor().newInstance()) {
      loader.loadedOnLoops.clear();
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.getAsInt())) {
        socket.setSoTimeout(10_000);
        conversation.hold(socket);
      }
      return List.copyOf(loader.loadedOnLoops);
    }
  }
}
