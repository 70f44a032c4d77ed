package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.HostName;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import java.lang.System.Logger.Level;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Encrypts connections with TLS 1.3 or 1.2, as a server or as a client.
 *
 * <pre>
 *   Tls tls = Tls.server().identity(TlsIdentity.pem(chain, key)).build();
 *   Server.builder(MyProtocol::new, handler).plugin(tls).listen("tcp://:5000").start();
 * </pre>
 *
 * <p>A connection opens when its handshake is complete; {@code
 * connection.attribute(TlsSession.class)} then returns the session. A peer that does not speak TLS,
 * or whose handshake fails, is sent an alert, and the connection closes with {@code
 * PROTOCOL_ERROR}. The same happens if a peer violates the protocol later. Handshakes are
 * {@linkplain #handshakes counted} by outcome. Clients that a server refuses are logged at most
 * once per second, and reported to {@link Builder#onRefused}.
 *
 * <p><b>End of the input.</b> Output of a peer that ends without {@code close_notify} may have been
 * truncated: the connection closes with {@code IO_ERROR}. In TLS 1.3 a peer may send a {@code
 * close_notify} and wait for the replies to its messages. In TLS 1.2 it ends both directions:
 * replies that are not written yet are lost, and the {@link dev.jev.Delivery} of one fails.
 *
 * <p><b>Limits.</b> A ClientHello has at most 16 KiB. Renegotiation is refused, and so are many
 * records without data in a row, such as key updates, or several long ones.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. The expensive tasks of handshakes
 * do not run on the event loops, see {@link Builder#taskExecutor}.
 */
public final class Tls implements Plugin {

  /** The implementation of TLS. */
  public enum Provider {
    /** {@link #BORINGSSL} if it is available, else {@link #JDK}. */
    AUTO,
    /** The implementation of the JDK. */
    JDK,
    /**
     * BoringSSL, several times as fast as the JDK. It is available if the artifact {@code
     * io.netty:netty-tcnative-boringssl-static} is on the class path, which needs no classifier.
     */
    BORINGSSL;

    /** Returns the reason why this provider is not available, or null if it is. */
    public @Nullable Throwable unavailabilityCause() {
      Throwable cause = this == BORINGSSL ? OpenSsl.unavailabilityCause() : null;
      return cause instanceof ClassNotFoundException
          ? new ClassNotFoundException(ARTIFACT + " is not on the class path")
          : cause;
    }
  }

  /**
   * The number of handshakes since the plugin was built, by outcome.
   *
   * <p>Not counted are handshakes that this end has broken off for another reason, such as its own
   * stop, and clients without TLS that {@link Builder#optional} accepts.
   *
   * @param completed handshakes that have completed
   * @param refused handshakes in which one end has refused the other with an alert, for its
   *     certificate for example, or that have violated the protocol
   * @param timedOut handshakes that took too long
   * @param left handshakes during which the peer has closed or reset the connection
   */
  public record Handshakes(long completed, long refused, long timedOut, long left) {}

  private static final String ARTIFACT = "io.netty:netty-tcnative-boringssl-static";

  private static final System.Logger LOGGER = System.getLogger("dev.jev");

  private final TlsOptions options;

  private final HandshakeOutcomes handshakes = new HandshakeOutcomes(this::refused);
  private final RateLimitedLog refusals = new RateLimitedLog();

  // Guarded by this.
  private @Nullable String lastFailure; // of a reload; the same one is logged once

  // Volatile: read by any thread.
  private volatile TlsContexts contexts;

  private Tls(TlsOptions options) {
    this.options = options;
    this.contexts = TlsContexts.of(options, TlsFiles.read(options.files()));
  }

  /** Begins the configuration of TLS for servers. */
  public static Builder server() {
    return new Builder(/* client= */ false);
  }

  /** Begins the configuration of TLS for clients. */
  public static Builder client() {
    return new Builder(/* client= */ true);
  }

  @Override
  public Stage stage() {
    return Stage.ENCRYPTION;
  }

  @Override
  public void start(PluginHost host) {
    if (host instanceof Server) {
      LOGGER.log(Level.INFO, "TLS runs on " + options.providerInUse());
    }
    if (!options.reloadPeriod().isZero()) {
      // Not on the event loop, since a slow disk would block it.
      host.runEvery(
          options.reloadPeriod(),
          () -> new Thread(this::reloadIfChanged, "jev-tls-reload").start());
    }
  }

  @Override
  public Observer install(Link link) {
    TlsHandshake handshake = new TlsHandshake(options, contexts, link, handshakes);
    link.pipeline().addLast(handshake);
    return handshake;
  }

  /** Returns the number of handshakes so far, by outcome. */
  public Handshakes handshakes() {
    return handshakes.sum();
  }

  /**
   * Returns the time at which the first certificate expires of those that this end presents: the
   * chains of all identities, as they were last {@linkplain #reload read}. Returns null if there is
   * none, as for a client without an identity.
   */
  public @Nullable Instant certificateExpiry() {
    return contexts.certificateExpiry();
  }

  private void refused(SocketAddress peer, CloseReason reason) {
    if (options.client()) {
      return; // a client reports failed attempts to connect itself
    }
    Throwable cause = reason.cause();
    String text = cause == null ? "the handshake took too long" : cause.getMessage();
    refusals.warning(() -> "TLS client " + peer + " refused: " + text);
    options.onRefused().accept(peer, reason);
  }

  /**
   * Reads all files again, and what is in memory, for connections from now on; open connections are
   * not affected. Blocks while it reads.
   *
   * @throws IllegalArgumentException if a file has invalid content; nothing changes then
   * @throws java.io.UncheckedIOException if a file cannot be read; nothing changes then
   */
  public synchronized void reload() {
    contexts = TlsContexts.of(options, TlsFiles.read(options.files()));
  }

  TlsContexts contexts() {
    return contexts;
  }

  private synchronized void reloadIfChanged() {
    String failure = null;
    try {
      TlsFiles files = TlsFiles.read(options.files());
      if (!contexts.isBuiltFrom(files)) {
        contexts = TlsContexts.of(options, files);
        LOGGER.log(Level.INFO, "TLS certificates reloaded");
      }
    } catch (RuntimeException e) {
      failure = e.toString();
      if (!Objects.equals(failure, lastFailure)) {
        LOGGER.log(Level.WARNING, "cannot reload TLS certificates: " + failure, e);
      }
    }
    lastFailure = failure;
  }

  /**
   * The configuration of a {@link Tls}.
   *
   * <p>Every setter checks its value at once. It throws {@link IllegalArgumentException} with the
   * actual and the expected value, or {@link IllegalStateException} if the option belongs to the
   * other side.
   */
  public static final class Builder {

    private static final List<String> PROTOCOLS = List.of("TLSv1.3", "TLSv1.2");

    private final boolean client;
    private final Map<String, TlsIdentity> identities = new LinkedHashMap<>();
    private @Nullable TlsIdentity identity;
    private TlsOptions.@Nullable Trust trust;
    private boolean optional;
    private boolean insecure;
    private ClientAuth clientAuth = ClientAuth.NONE;
    private @Nullable HostName serverName;
    private List<String> applicationProtocols = List.of();
    private List<String> protocols = PROTOCOLS;
    private Provider provider = Provider.AUTO;
    private Duration handshakeTimeout = Duration.ofSeconds(10);
    private int sessionCacheSize = 10_000;
    private Duration sessionTimeout = Duration.ofHours(1);
    private Duration reloadPeriod = Duration.ZERO;
    private Executor taskExecutor = HandshakeTasks.THREADS;
    private BiConsumer<SocketAddress, CloseReason> onRefused = (peer, reason) -> {};

    private Builder(boolean client) {
      this.client = client;
    }

    /**
     * Sets the identity of this end. A client needs none unless the server asks for one. A server
     * presents it to clients that request a name without an identity of its own, or no name.
     * Without it such clients are refused with the alert {@code unrecognized_name}.
     */
    public Builder identity(TlsIdentity identity) {
      this.identity = requireNonNull(identity, "identity");
      return this;
    }

    /**
     * Sets the identity of a server for clients that request a name (SNI). The JDK's provider
     * refuses clients that request a name with an underscore; {@link #build} refuses such a name.
     *
     * @param name a {@linkplain HostName host name} such as {@code www.example.com}, or {@code
     *     *.example.com} for names with one more label that have no identity of their own
     */
    public Builder identity(String name, TlsIdentity identity) {
      serverOnly("identity with a name");
      identities.put(ServerNames.checked(name), requireNonNull(identity, "identity"));
      return this;
    }

    /**
     * Makes a server accept clients without TLS as well, on the same port: those whose first byte
     * is not 22, with which a handshake begins, or whose second byte is not 3. For protocols in
     * which the client speaks first. A connection without TLS has no {@link TlsSession} attribute,
     * and no client certificate, even with {@link #needClientCertificate}.
     */
    public Builder optional() {
      serverOnly("optional");
      optional = true;
      return this;
    }

    /**
     * Trusts peers whose certificates are issued by the authorities in a PEM file. By default a
     * client trusts the authorities that the JDK trusts.
     */
    public Builder trustPem(Path file) {
      trust = new TlsOptions.Trust(file, files -> files.pemCertificates(file));
      return this;
    }

    /** Trusts peers whose certificates are issued by the authorities in a PKCS#12 file. */
    public Builder trustPkcs12(Path file, String password) {
      requireNonNull(password, "password");
      trust = new TlsOptions.Trust(file, files -> files.pkcs12Certificates(file, password));
      return this;
    }

    /**
     * Trusts peers whose certificates are issued by authorities in memory.
     *
     * @param authorities called when the plugin is built, and each time that it is {@linkplain
     *     Tls#reload reloaded}; returns at least one
     */
    public Builder trust(Supplier<? extends Collection<X509Certificate>> authorities) {
      requireNonNull(authorities, "authorities");
      trust = new TlsOptions.Trust(null, files -> atLeastOne(authorities.get()));
      return this;
    }

    private static List<X509Certificate> atLeastOne(Collection<X509Certificate> authorities) {
      Checks.inRange("trusted authorities", authorities.size(), 1, Integer.MAX_VALUE);
      return List.copyOf(authorities);
    }

    /**
     * Makes a client trust every server, whatever name its certificate is for. For tests only: an
     * attacker on the network path can read and change everything.
     */
    public Builder insecure() {
      clientOnly("insecure");
      insecure = true;
      return this;
    }

    /**
     * Makes a server ask for a client certificate. A client may have none, but an untrusted one is
     * refused. By default a server does not ask.
     */
    public Builder wantClientCertificate() {
      serverOnly("wantClientCertificate");
      clientAuth = ClientAuth.OPTIONAL;
      return this;
    }

    /** Makes a server refuse clients without a trusted certificate. */
    public Builder needClientCertificate() {
      serverOnly("needClientCertificate");
      clientAuth = ClientAuth.REQUIRE;
      return this;
    }

    /**
     * Sets the {@linkplain HostName host} that a client requests and that the server's certificate
     * must be for; by default the host that it connects to. An address is not requested. With the
     * JDK's provider, neither is a name with an underscore.
     */
    public Builder serverName(String serverName) {
      clientOnly("serverName");
      this.serverName = HostName.of(requireNonNull(serverName, "serverName"));
      return this;
    }

    /**
     * Sets the protocols to negotiate (ALPN), in order of preference; none by default. If there is
     * no common protocol, the handshake succeeds without one, see {@link
     * TlsSession#applicationProtocol}.
     */
    public Builder applicationProtocols(String... names) {
      for (String name : names) {
        Checks.ascii("application protocol", name);
        Checks.inRange("length of application protocol " + name, name.length(), 1, 255);
      }
      applicationProtocols = List.of(names);
      return this;
    }

    /** Sets the versions, {@code TLSv1.3} and {@code TLSv1.2}; both by default. */
    public Builder protocols(String... names) {
      for (String name : names) {
        if (!PROTOCOLS.contains(name)) {
          throw new IllegalArgumentException(
              "protocol: " + name + " (expected: TLSv1.3 or TLSv1.2)");
        }
      }
      Checks.inRange("protocols", names.length, 1, PROTOCOLS.size());
      protocols = List.of(names);
      return this;
    }

    /**
     * Sets the implementation of TLS; {@link Provider#AUTO} by default. A server logs at its start
     * which one it uses.
     */
    public Builder provider(Provider provider) {
      this.provider = requireNonNull(provider, "provider");
      return this;
    }

    /**
     * Sets the maximum time for the handshake; 10 s by default. After that time the connection is
     * closed with {@code TIMEOUT}. The {@code handshakeTimeout} of the server, counted from the
     * accept, applies as well.
     */
    public Builder handshakeTimeout(Duration handshakeTimeout) {
      this.handshakeTimeout = Checks.positive("handshakeTimeout", handshakeTimeout);
      return this;
    }

    /**
     * Sets the maximum number of sessions that are kept for resumption, per identity; 10,000 by
     * default.
     */
    public Builder sessionCacheSize(int sessionCacheSize) {
      this.sessionCacheSize = Checks.inRange("sessionCacheSize", sessionCacheSize, 1, 100_000_000);
      return this;
    }

    /**
     * Sets the time for which a session may be resumed; 1 h by default, in whole seconds, at most 7
     * days (RFC 8446, 4.6.1).
     */
    public Builder sessionTimeout(Duration sessionTimeout) {
      long seconds = requireNonNull(sessionTimeout, "sessionTimeout").toSeconds();
      Checks.inRange("seconds of sessionTimeout", seconds, 1, 7 * 24 * 3600); // RFC 8446, 4.6.1
      this.sessionTimeout = sessionTimeout;
      return this;
    }

    /**
     * Sets the period at which a running server checks its files and reloads them if they have
     * changed; zero, the default, disables it. Files that cannot be used are logged, and the
     * previous ones stay in use.
     */
    public Builder reloadPeriod(Duration reloadPeriod) {
      this.reloadPeriod = Checks.notNegative("reloadPeriod", reloadPeriod);
      return this;
    }

    /**
     * Sets the executor for the expensive tasks of a handshake: signatures, and checks of
     * certificates, which may ask a server about revocations. Default: threads that all servers and
     * clients share, one per processor at most, and none while there is no handshake. {@code
     * Runnable::run} runs the tasks on the event loop, which they block for about a millisecond
     * each.
     */
    public Builder taskExecutor(Executor taskExecutor) {
      this.taskExecutor = requireNonNull(taskExecutor, "taskExecutor");
      return this;
    }

    /**
     * Sets a listener that is called with the address of each client whose handshake is refused or
     * takes too long, and with the reason, on the event loop when the connection is closed; none by
     * default.
     */
    public Builder onRefused(BiConsumer<SocketAddress, CloseReason> onRefused) {
      serverOnly("onRefused");
      this.onRefused = requireNonNull(onRefused, "onRefused");
      return this;
    }

    /**
     * Reads the files and returns the plugin.
     *
     * @throws IllegalStateException if something is missing: the identity of a server, trusted
     *     authorities for client certificates, or the provider
     * @throws IllegalArgumentException if a file has invalid content, or if the provider does not
     *     support a name
     * @throws java.io.UncheckedIOException if a file cannot be read
     */
    public Tls build() {
      if (!client && identity == null && identities.isEmpty()) {
        throw new IllegalStateException("server has no identity; call identity first");
      }
      if (clientAuth != ClientAuth.NONE && trust == null) {
        throw new IllegalStateException(
            "no trusted authority for client certificates; call trust, trustPem or trustPkcs12"
                + " first");
      }
      if (insecure && trust != null) {
        throw new IllegalStateException(
            "both a trusted authority and insecure are set; use one of them");
      }
      Throwable cause = provider.unavailabilityCause();
      if (cause != null) {
        throw new IllegalStateException(
            "provider: " + provider + " (expected: one that is available): " + cause.getMessage(),
            cause);
      }
      TlsOptions options = options();
      if (options.isJdk()) {
        identities.keySet().forEach(name -> ServerName.checkForJdk("identity", name));
      }
      return new Tls(options);
    }

    private TlsOptions options() {
      return new TlsOptions(
          client,
          optional,
          identity,
          Map.copyOf(identities),
          trust,
          insecure,
          clientAuth,
          serverName,
          applicationProtocols,
          protocols,
          provider,
          handshakeTimeout,
          sessionCacheSize,
          sessionTimeout,
          reloadPeriod,
          taskExecutor,
          onRefused);
    }

    private void serverOnly(String option) {
      if (client) {
        throw new IllegalStateException(option + " is an option of Tls.server()");
      }
    }

    private void clientOnly(String option) {
      if (!client) {
        throw new IllegalStateException(option + " is an option of Tls.client()");
      }
    }
  }
}
