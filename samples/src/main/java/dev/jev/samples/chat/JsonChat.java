package dev.jev.samples.chat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.json.JsonMapper;

/** A chat, in which everybody in a room is told everything; who does not read is closed. */
@Command(name = "json-chat", description = "A chat of JSON lines: a join, then what one says.")
public final class JsonChat implements Callable<Integer>, Handler<JsonChat.Request, Object> {

  /** {"join":"Ann","room":"garden"}, where the room may be missing, and then {"say":"hello"}. */
  record Request(@Nullable String join, @Nullable String room, @Nullable String say) {}

  private record Said(String from, String say) {}

  private record Guest(String name, String room) {}

  @Mixin private ServerOptions options = new ServerOptions(5019);
  private final Rooms<Object> rooms = new Rooms<>(SlowConsumer.close());

  @Override
  public Integer call() throws InterruptedException {
    JsonMapper json = JsonMapper.shared();
    return options.serve(Server.builder(() -> Protocols.jsonLines(json, Request.class), this));
  }

  @Override
  public void onMessage(Connection<Object> connection, Request request) {
    Guest guest = connection.attachment(Guest.class);
    if (guest == null && request.join() != null) {
      guest = new Guest(request.join(), request.room() == null ? "lobby" : request.room());
      connection.attach(guest);
      rooms.join(guest.room(), connection);
      rooms.publish(guest.room(), Map.of("joined", guest.name()));
    } else if (guest != null && request.say() != null) {
      rooms.publish(guest.room(), new Said(guest.name(), request.say()));
    } else {
      connection.send(Map.of("error", "join first, once, and then say"));
    }
  }

  @Override
  public void onClose(Connection<Object> connection, CloseReason reason) {
    Guest guest = connection.attachment(Guest.class);
    if (guest != null) {
      rooms.leave(guest.room(), connection);
      rooms.publish(guest.room(), Map.of("left", guest.name()));
    }
  }
}
