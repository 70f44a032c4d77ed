/** Redis as the engine of topics on many nodes for Jev. */
module dev.jev.redis {
  requires transitive dev.jev.nodes;
  requires lettuce.core;
  requires static transitive org.jspecify;

  exports dev.jev.redis;
}
