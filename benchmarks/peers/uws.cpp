/*
 * A WebSocket server on uWebSockets, to compare with: an echo, or a topic to which all clients are
 * subscribed. In the directory of its sources (https://github.com/uNetworking/uWebSockets, with
 * uSockets in it, of 2026-08-18), and with -DUWS_USE_LIBDEFLATE -ldeflate for that library:
 *
 *   cc -O3 -DLIBUS_NO_SSL -IuSockets/src -c uSockets/src/*.c uSockets/src/eventing/*.c
 *   c++ -O3 -std=c++20 -DLIBUS_NO_SSL -Isrc -IuSockets/src .../uws.cpp *.o -lz -o /tmp/uws
 *
 * and in the repository:
 *
 *   java -jar benchmarks/target/benchmarks.jar compare --work ws-text jev-websocket:ws-echo \
 *     'exec:/tmp/uws echo'
 *
 * Its first argument is echo, deflate (an echo with compression, without context takeover) or
 * broadcast (64 bytes with the time, each 10 ms). It prints its address, as all servers of the
 * comparison do.
 */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "App.h"

struct User {};

static const int PERIOD_MILLIS = 10;
static const size_t MESSAGE_BYTES = 64;

static uWS::App *app;

static void publish(us_timer_t *) {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string text =
      std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  text.resize(MESSAGE_BYTES, ' ');
  app->publish("prices", text, uWS::OpCode::TEXT);
}

int main(int count, char **arguments) {
  const std::string work = count > 1 ? arguments[1] : "echo";
  const bool deflate = work == "deflate";
  uWS::App server;
  app = &server;
  uWS::App::WebSocketBehavior<User> behavior;
  behavior.compression =
      deflate ? uWS::CompressOptions(uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR)
              : uWS::DISABLED;
  behavior.maxPayloadLength = 64 * 1024;
  behavior.idleTimeout = 0;
  behavior.open = [&work](auto *socket) {
    if (work == "broadcast") {
      socket->subscribe("prices");
    }
  };
  behavior.message = [deflate](auto *socket, std::string_view message, uWS::OpCode code) {
    socket->send(message, code, deflate);
  };
  server.ws<User>("/*", std::move(behavior)).listen("127.0.0.1", 0, [](auto *socket) {
    if (!socket) {
      std::perror("listen");
      std::exit(1);
    }
    int port = us_socket_local_port(0, (us_socket_t *)socket);
    std::printf("listening on tcp://127.0.0.1:%d\n", port);
    std::fflush(stdout);
  });
  if (work == "broadcast") {
    us_timer_t *timer = us_create_timer((us_loop_t *)uWS::Loop::get(), 0, 0);
    us_timer_set(timer, publish, PERIOD_MILLIS, PERIOD_MILLIS);
  }
  server.run();
}
