package dev.jev.redis;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.ClientOptions.DisconnectedBehavior;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.SslOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.resource.ClientResources;
import java.io.File;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Connects to Redis servers.
 *
 * <p>A connection that is lost stays lost: Lettuce neither reconnects nor repeats commands, nor
 * subscribes again. {@link Masters} does that, in its order.
 */
final class RedisConnections implements AutoCloseable {

  static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(2);

  private static final int THREADS = 2;
  private static final RedisCodec<String, byte[]> CODEC =
      RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE);

  private final List<RedisURI> seeds;
  private final ClientResources resources;
  private final RedisClient client;

  /**
   * Creates an engine's connections.
   *
   * @param seeds the addresses as configured, with credentials
   * @param trusted the certificates that are trusted; null for those of the JVM
   */
  RedisConnections(List<RedisURI> seeds, @Nullable File trusted) {
    this.seeds = seeds;
    this.resources =
        ClientResources.builder()
            .ioThreadPoolSize(THREADS)
            .computationThreadPoolSize(THREADS)
            .build();
    this.client = RedisClient.create(resources);
    ClientOptions.Builder options =
        ClientOptions.builder()
            .autoReconnect(false)
            .disconnectedBehavior(DisconnectedBehavior.REJECT_COMMANDS)
            .protocolVersion(ProtocolVersion.RESP3)
            .socketOptions(
                SocketOptions.builder().connectTimeout(CONNECT_TIMEOUT).keepAlive(true).build());
    if (trusted != null) {
      options.sslOptions(SslOptions.builder().jdkSslProvider().trustManager(trusted).build());
    }
    client.setOptions(options.build());
  }

  List<RedisURI> seeds() {
    return seeds;
  }

  /** Returns the address of another server, with the credentials of the configured ones. */
  RedisURI uri(String host, int port) {
    RedisURI seed = seeds.get(0);
    return RedisURI.builder()
        .withHost(host)
        .withPort(port)
        .withSsl(seed)
        .withAuthentication(seed)
        .withTimeout(seed.getTimeout())
        .build();
  }

  CompletionStage<StatefulRedisConnection<String, byte[]>> connect(RedisURI uri) {
    return client.connectAsync(CODEC, uri);
  }

  CompletionStage<StatefulRedisPubSubConnection<String, byte[]>> connectPubSub(RedisURI uri) {
    return client.connectPubSubAsync(CODEC, uri);
  }

  @Override
  public void close() {
    client
        .shutdownAsync(0, 1, TimeUnit.SECONDS)
        .whenComplete((done, failure) -> resources.shutdown(0, 1, TimeUnit.SECONDS));
  }
}
