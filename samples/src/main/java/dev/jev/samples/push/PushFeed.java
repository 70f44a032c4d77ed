package dev.jev.samples.push;

import dev.jev.samples.push.PriceServer.Price;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import tools.jackson.databind.json.JsonMapper;

/**
 * Random prices of some symbols, in turn.
 *
 * <p><b>Threads.</b> {@link #next} is called by one thread.
 */
final class PushFeed {

  private static final int SYMBOLS = 25;
  private static final int DEPTH = 4; // of the order book
  private static final JsonMapper JSON = new JsonMapper();

  private final Random random = new Random();
  private final double[] prices = random.doubles(SYMBOLS, 100, 900).toArray();
  private int last;

  /** An offer of the order book. */
  private record Offer(double price, int size) {}

  /**
   * A price as JSON.
   *
   * @param symbol the number of the symbol
   * @param nanos the time at which it was published, {@link System#nanoTime}
   */
  record Quote(int symbol, double price, long nanos, List<?> offers) {}

  /** Returns the next symbol's price, which has changed a little. */
  Price next() {
    last = (last + 1) % SYMBOLS;
    prices[last] *= 1 + random.nextGaussian() / 500;
    double price = prices[last];
    List<Offer> offers =
        IntStream.range(0, DEPTH)
            .mapToObj(i -> new Offer(cents(price * (1 + i / 2000.0)), random.nextInt(1, 1000)))
            .toList();
    Quote quote = new Quote(last, cents(price), System.nanoTime(), offers);
    return new Price(String.valueOf(last), JSON.writeValueAsString(quote));
  }

  private static double cents(double price) {
    return Math.round(100 * price) / 100.0;
  }

  /** Returns the price in a text of {@link #next}. */
  static Quote quote(String json) {
    return JSON.readValue(json, Quote.class);
  }
}
