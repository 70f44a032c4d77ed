/*
 * An echo server on bare epoll: one thread, level-triggered, one recv and one send per readiness.
 * The least that a server on epoll can do, to compare with:
 *
 *   cc -O2 -o /tmp/echo benchmarks/peers/echo.c
 *   java -jar benchmarks/target/benchmarks.jar compare jev:echo 'exec:/tmp/echo'
 *
 * It prints its address, as all servers of the comparison do. What a socket does not take is lost
 * to it: it ends the connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 1024

static char buffer[64 * 1024];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int listener(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1024) ||
      getsockname(fd, (struct sockaddr *)&address, &length)) {
    fail("listen");
  }
  printf("listening on tcp://127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
    fail("epoll_ctl");
  }
}

static void accept_all(int epoll, int server) {
  int one = 1;
  for (int fd; (fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(epoll, fd);
  }
}

static void echo(int fd) {
  ssize_t length = recv(fd, buffer, sizeof buffer, 0);
  if (length <= 0 || send(fd, buffer, length, MSG_NOSIGNAL) != length) {
    close(fd);
  }
}

int main(void) {
  int server = listener();
  int epoll = epoll_create1(0);
  struct epoll_event events[EVENTS];
  watch(epoll, server);
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == server) {
        accept_all(epoll, server);
      } else {
        echo(events[i].data.fd);
      }
    }
  }
}
