package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.redis.ArrayRedisMessage;
import io.netty.handler.codec.redis.ErrorRedisMessage;
import io.netty.handler.codec.redis.FullBulkStringRedisMessage;
import io.netty.handler.codec.redis.IntegerRedisMessage;
import io.netty.handler.codec.redis.RedisMessage;
import io.netty.handler.codec.redis.SimpleStringRedisMessage;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * The commands that {@code redis-benchmark} needs, on a store in memory.
 *
 * <p>Values are byte arrays, which do not retain the buffer that they arrived in.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A failed write closes the connection.
@Sharable
final class NettyRedisHandler extends SimpleChannelInboundHandler<RedisMessage> {

  private static final RedisMessage OK = new SimpleStringRedisMessage("OK");
  private static final RedisMessage PONG = new SimpleStringRedisMessage("PONG");

  private final ConcurrentMap<String, byte[]> values = new ConcurrentHashMap<>();

  private final boolean voidPromise;

  // Each list is guarded by itself.
  private final ConcurrentMap<String, ArrayDeque<byte[]>> lists = new ConcurrentHashMap<>();

  NettyRedisHandler(boolean voidPromise) {
    this.voidPromise = voidPromise;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, RedisMessage message) {
    RedisMessage reply =
        message instanceof ArrayRedisMessage request && !request.children().isEmpty()
            ? reply(request.children())
            : new ErrorRedisMessage("ERR a command is an array of bulk strings");
    context.write(reply, voidPromise ? context.voidPromise() : context.newPromise());
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    context.flush();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    context.close();
  }

  private RedisMessage reply(List<RedisMessage> request) {
    String command = text(request, 0).toUpperCase(Locale.ROOT);
    int arguments = request.size() - 1;
    return switch (command) {
      case "GET" -> arguments == 1 ? bulk(values.get(text(request, 1))) : wrongArguments(command);
      case "SET" -> arguments == 2 ? set(request) : wrongArguments(command);
      case "MSET" -> arguments > 0 && arguments % 2 == 0 ? set(request) : wrongArguments(command);
      case "INCR" -> arguments == 1 ? increment(text(request, 1)) : wrongArguments(command);
      case "LPUSH", "RPUSH" ->
          arguments > 1 ? push(request, command.equals("LPUSH")) : wrongArguments(command);
      case "LPOP" -> arguments == 1 ? pop(text(request, 1)) : wrongArguments(command);
      case "PING" -> arguments == 0 ? PONG : bulk(bytes(request, 1));
      case "CONFIG" ->
          new ArrayRedisMessage(
              List.of(bulk(bytes(request, arguments)), FullBulkStringRedisMessage.EMPTY_INSTANCE));
      case "COMMAND" -> ArrayRedisMessage.EMPTY_INSTANCE;
      default -> new ErrorRedisMessage("ERR unknown command");
    };
  }

  private RedisMessage set(List<RedisMessage> request) {
    for (int i = 1; i < request.size(); i += 2) {
      values.put(text(request, i), bytes(request, i + 1));
    }
    return OK;
  }

  private RedisMessage increment(String key) {
    try {
      byte[] after =
          values.merge(
              key,
              new byte[] {'1'},
              (before, one) ->
                  Long.toString(Math.incrementExact(Long.parseLong(new String(before, US_ASCII))))
                      .getBytes(US_ASCII));
      return new IntegerRedisMessage(Long.parseLong(new String(after, US_ASCII)));
    } catch (NumberFormatException | ArithmeticException notNumber) {
      return new ErrorRedisMessage("ERR value is not an integer or out of range");
    }
  }

  private RedisMessage push(List<RedisMessage> request, boolean left) {
    ArrayDeque<byte[]> list = lists.computeIfAbsent(text(request, 1), key -> new ArrayDeque<>());
    synchronized (list) {
      for (int i = 2; i < request.size(); i++) {
        if (left) {
          list.addFirst(bytes(request, i));
        } else {
          list.addLast(bytes(request, i));
        }
      }
      return new IntegerRedisMessage(list.size());
    }
  }

  private RedisMessage pop(String key) {
    ArrayDeque<byte[]> list = lists.get(key);
    if (list == null) {
      return FullBulkStringRedisMessage.NULL_INSTANCE;
    }
    synchronized (list) {
      return bulk(list.pollFirst());
    }
  }

  private static String text(List<RedisMessage> request, int index) {
    return ((FullBulkStringRedisMessage) request.get(index)).content().toString(UTF_8);
  }

  private static byte[] bytes(List<RedisMessage> request, int index) {
    return ByteBufUtil.getBytes(((FullBulkStringRedisMessage) request.get(index)).content());
  }

  private static RedisMessage bulk(byte @Nullable [] value) {
    return value == null
        ? FullBulkStringRedisMessage.NULL_INSTANCE
        : new FullBulkStringRedisMessage(Unpooled.wrappedBuffer(value));
  }

  private static RedisMessage wrongArguments(String command) {
    return new ErrorRedisMessage("ERR wrong number of arguments for '" + command + "'");
  }
}
