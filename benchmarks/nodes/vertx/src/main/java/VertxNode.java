import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.eventbus.EventBusOptions;
import io.vertx.ext.bridge.PermittedOptions;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.handler.sockjs.SockJSBridgeOptions;
import io.vertx.ext.web.handler.sockjs.SockJSHandler;
import io.vertx.spi.cluster.hazelcast.HazelcastClusterManager;

/** A node of a Vert.x cluster that bridges the address {@code room} to WebSockets. */
public final class VertxNode {

  /** Starts a node; the argument is the port of the first member of the cluster. */
  public static void main(String[] args) {
    int port = Integer.parseInt(args[0]);
    Config config = new Config().setClusterName("benchmark-" + port);
    config.setProperty("hazelcast.logging.type", "none").setProperty("hazelcast.phone.home.enabled", "false");
    config.getNetworkConfig().setPort(port).setPortAutoIncrement(true);
    JoinConfig join = config.getNetworkConfig().getJoin();
    join.getAutoDetectionConfig().setEnabled(false);
    join.getMulticastConfig().setEnabled(false);
    join.getTcpIpConfig().setEnabled(true).addMember("127.0.0.1:" + port).addMember("127.0.0.1:" + (port + 1));
    Vertx.builder()
        .with(
            new VertxOptions()
                .setPreferNativeTransport(true)
                .setEventLoopPoolSize(1) // as the other systems
                .setEventBusOptions(new EventBusOptions().setHost("127.0.0.1")))
        .withClusterManager(new HazelcastClusterManager(config))
        .buildClustered()
        .onSuccess(VertxNode::listen)
        .onFailure(VertxNode::fail);
  }

  private static void listen(Vertx vertx) {
    PermittedOptions room = new PermittedOptions().setAddress("room");
    SockJSBridgeOptions bridge = new SockJSBridgeOptions().addInboundPermitted(room).addOutboundPermitted(room);
    Router router = Router.router(vertx);
    router.route("/eventbus/*").subRouter(SockJSHandler.create(vertx).bridge(bridge));
    vertx
        .createHttpServer()
        .requestHandler(router)
        .listen(0, "127.0.0.1")
        .onSuccess(server -> System.out.println("listening on tcp://127.0.0.1:" + server.actualPort()))
        .onFailure(VertxNode::fail);
  }

  private static void fail(Throwable cause) {
    cause.printStackTrace();
    System.exit(1);
  }

  private VertxNode() {}
}
