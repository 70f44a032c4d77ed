/*
 * Compares zlib, as WebSocket uses it, with libdeflate, which takes whole messages only: the time to
 * compress and to decompress a message of JSON.
 *
 *   cc -O2 -o /tmp/deflate benchmarks/peers/deflate.c -ldeflate -lz && /tmp/deflate
 */
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define ROUNDS 21
#define BYTES_PER_ROUND 4000000

static unsigned char message[20000], compressed[40000], restored[20000];
static size_t bytes; /* of the message */
static size_t compressed_bytes;

static void make_message(size_t length) {
  size_t end = 0;
  srand((unsigned)length);
  while (end < length) {
    char item[100];
    int size = snprintf(item, sizeof item,
                        "{\"symbol\":\"SYM%d\",\"price\":%d.%02d,\"volume\":%d,\"up\":%s},",
                        rand() % 500, rand() % 1000, rand() % 100, rand() % 100000,
                        rand() % 2 ? "true" : "false");
    memcpy(message + end, item, (size_t)size);
    end += (size_t)size;
  }
  bytes = length;
}

static z_stream deflating, inflating;
static struct libdeflate_compressor *compressor;
static struct libdeflate_decompressor *decompressor;

static void zlib_compress(void) {
  deflateReset(&deflating);
  deflating.next_in = message;
  deflating.avail_in = (unsigned)bytes;
  deflating.next_out = compressed;
  deflating.avail_out = sizeof compressed;
  deflate(&deflating, Z_SYNC_FLUSH);
  compressed_bytes = sizeof compressed - deflating.avail_out;
}

static void zlib_decompress(void) {
  inflateReset(&inflating);
  inflating.next_in = compressed;
  inflating.avail_in = (unsigned)compressed_bytes;
  inflating.next_out = restored;
  inflating.avail_out = sizeof restored;
  inflate(&inflating, Z_SYNC_FLUSH);
}

static void lib_compress(void) {
  compressed_bytes =
      libdeflate_deflate_compress(compressor, message, bytes, compressed, sizeof compressed);
}

static void lib_decompress(void) {
  size_t restored_bytes;
  libdeflate_deflate_decompress(decompressor, compressed, compressed_bytes, restored, bytes,
                                &restored_bytes);
}

static double micros(void (*work)(void)) {
  struct timespec begin, end;
  int count = (int)(BYTES_PER_ROUND / bytes);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int i = 0; i < count; i++) {
    work();
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  return ((end.tv_sec - begin.tv_sec) * 1e6 + (end.tv_nsec - begin.tv_nsec) / 1e3) / count;
}

static void check(const char *what) {
  if (memcmp(message, restored, bytes) != 0) {
    fprintf(stderr, "%s: different bytes (expected: the message)\n", what);
    exit(1);
  }
  memset(restored, 0, bytes);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, ascending);
  return values[ROUNDS / 2];
}

static void compare(int level, size_t length) {
  double zlib_in[ROUNDS], zlib_out[ROUNDS], in[ROUNDS], out[ROUNDS];
  size_t zlib_bytes = 0, lib_bytes = 0;
  make_message(length);
  deflateInit2(&deflating, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  inflateInit2(&inflating, -15);
  compressor = libdeflate_alloc_compressor(level);
  decompressor = libdeflate_alloc_decompressor();
  for (int i = 0; i < ROUNDS; i++) {
    double compress = micros(zlib_compress);
    double decompress = micros(zlib_decompress);
    check("zlib");
    zlib_bytes = compressed_bytes - 4; /* of a flush, which WebSocket leaves out */
    in[i] = micros(lib_compress) / compress;
    out[i] = micros(lib_decompress) / decompress;
    check("libdeflate");
    lib_bytes = compressed_bytes;
    zlib_in[i] = compress;
    zlib_out[i] = decompress;
  }
  printf("| %d | %zu | %zu | %.1f | %.1f | %zu | %.2f | %.2f |\n", level, length, zlib_bytes,
         median(zlib_in), median(zlib_out), lib_bytes, median(in), median(out));
  deflateEnd(&deflating);
  inflateEnd(&inflating);
  libdeflate_free_compressor(compressor);
  libdeflate_free_decompressor(decompressor);
}

int main(void) {
  int levels[] = {1, 3, 6};
  size_t lengths[] = {256, 1024, 4096, 16384};
  printf("| level | bytes | zlib: bytes | compress, us | decompress, us "
         "| libdeflate: bytes | compress / zlib | decompress / zlib |\n|---|---|---|---|---|---|---|---|\n");
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 4; j++) {
      compare(levels[i], lengths[j]);
    }
  }
}
