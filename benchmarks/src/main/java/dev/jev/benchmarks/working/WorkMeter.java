package dev.jev.benchmarks.working;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import dev.jev.Server;
import dev.jev.benchmarks.shared.BenchmarkException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A server with one event loop in this process, and the CPU time that its thread uses. */
final class WorkMeter implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 30_000;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final Server server;
  private final long loop; // the id of its thread
  private final BlockingQueue<CloseReason.Kind> ends = new LinkedBlockingQueue<>();
  private CloseReason.Kind end = CloseReason.Kind.PEER_CLOSED;

  WorkMeter(Server.Builder<?, ?> builder) {
    server = builder.listen("tcp://127.0.0.1:0").eventLoops(1).plugin(new Ends()).start();
    loop =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith("jev-loop"))
            .findFirst()
            .orElseThrow(() -> new BenchmarkException("threads: no event loop (expected: one)"))
            .getId();
  }

  /** Notes how connections end. */
  private final class Ends implements Plugin {
    @Override
    public Observer install(Link link) {
      return new Observer() {
        @Override
        public void closed(CloseReason reason) {
          ends.add(reason.kind());
        }
      };
    }
  }

  /**
   * Sends the opening and then the input on a new connection; returns the CPU time per unit of the
   * input.
   */
  double nanos(WorkInput opening, WorkInput input) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(TIMEOUT_MILLIS);
      OutputStream out = socket.getOutputStream();
      InputStream in = socket.getInputStream();
      if (opening.bytes.length > 0) {
        out.write(opening.bytes);
        TimeUnit.MILLISECONDS.sleep(5);
        in.skipNBytes(in.available());
      }
      long before = THREADS.getThreadCpuTime(loop);
      try {
        for (int i = 0; i < input.bytes.length; i += 64 * 1024) {
          out.write(input.bytes, i, Math.min(64 * 1024, input.bytes.length - i));
          in.skipNBytes(in.available());
        }
        socket.shutdownOutput();
        in.transferTo(OutputStream.nullOutputStream());
      } catch (IOException e) {
        // The server has closed the connection.
      }
      end = requireNonNull(ends.poll(TIMEOUT_MILLIS, TimeUnit.MILLISECONDS), "close");
      long nanos = THREADS.getThreadCpuTime(loop) - before;
      return (double) nanos / input.bytes.length * input.unitBytes;
    } catch (InterruptedException e) {
      throw new BenchmarkException("interrupted");
    }
  }

  /** Returns how the latest connection has ended. */
  CloseReason.Kind end() {
    return end;
  }

  @Override
  public void close() {
    server.close();
  }
}
