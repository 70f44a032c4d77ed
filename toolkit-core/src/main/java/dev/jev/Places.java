package dev.jev;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one connection that have no answer yet, and the rule that finds the request of an
 * answer.
 *
 * <p>A request that no longer waits keeps its place, so that its late answer is recognized. Event
 * loop only, except {@link #key}.
 *
 * @param <Q> the type of questions
 * @param <A> the type of messages, among them the answers
 * @param <R> the type of requests
 */
sealed interface Places<Q, A, R> {

  /** Returns the key of a question, with which its request is added and removed. Any thread. */
  Object key(Q question);

  /** Adds a request behind all others; returns false if there is one with an equal key. */
  boolean add(Object key, R request);

  /** Removes and returns the request that a message answers; null if the message is no answer. */
  @Nullable R take(A message);

  /** Removes a request that gets no answer; returns false if it is not there. */
  boolean remove(Object key, R request);

  /**
   * Returns whether the place of a request is given up some time after the request has timed out. A
   * place in an order is kept, since the answers behind it would move up.
   */
  boolean areGivenUp();

  /** Removes all requests. */
  List<R> removeAll();

  /** Answers come in the order of the questions. */
  final class InOrder<Q, A, R> implements Places<Q, A, R> {

    private static final Object KEY = new Object();

    private final Predicate<? super A> isAnswer;
    private final ArrayDeque<R> requests = new ArrayDeque<>();

    InOrder(Predicate<? super A> isAnswer) {
      this.isAnswer = isAnswer;
    }

    @Override
    public Object key(Q question) {
      return KEY;
    }

    @Override
    public boolean add(Object key, R request) {
      return requests.add(request);
    }

    @Override
    public @Nullable R take(A message) {
      return isAnswer.test(message) ? requests.poll() : null;
    }

    @Override
    public boolean remove(Object key, R request) {
      return requests.removeLastOccurrence(request); // usually the last one
    }

    @Override
    public boolean areGivenUp() {
      return false;
    }

    @Override
    public List<R> removeAll() {
      List<R> all = new ArrayList<>(requests);
      requests.clear();
      return all;
    }
  }

  /** An answer has the id of its question. */
  final class ById<Q, A, R> implements Places<Q, A, R> {

    private final Function<? super Q, ?> idOfQuestion;
    private final Function<? super A, ? extends @Nullable Object> idOfAnswer;
    private final Map<Object, R> requests = new HashMap<>();

    ById(
        Function<? super Q, ?> idOfQuestion,
        Function<? super A, ? extends @Nullable Object> idOfAnswer) {
      this.idOfQuestion = idOfQuestion;
      this.idOfAnswer = idOfAnswer;
    }

    @Override
    public Object key(Q question) {
      Object id = idOfQuestion.apply(question);
      if (id == null) {
        throw new IllegalArgumentException("id of the question: null (expected: an id)");
      }
      return id;
    }

    @Override
    public boolean add(Object key, R request) {
      return requests.putIfAbsent(key, request) == null;
    }

    @Override
    public @Nullable R take(A message) {
      Object id = idOfAnswer.apply(message);
      return id == null ? null : requests.remove(id);
    }

    @Override
    public boolean remove(Object key, R request) {
      return requests.remove(key, request);
    }

    @Override
    public boolean areGivenUp() {
      return true;
    }

    @Override
    public List<R> removeAll() {
      List<R> all = new ArrayList<>(requests.values());
      requests.clear();
      return all;
    }
  }
}
