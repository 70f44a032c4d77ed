package dev.jev;

/** The owner of an endpoint that has connections, but neither sockets nor plugins. */
final class IdleOwner implements Endpoint.Owner {

  @Override
  public PluginHost pluginHost() {
    throw new AssertionError("not expected without plugins: pluginHost");
  }

  @Override
  public void closeSockets() {}
}
