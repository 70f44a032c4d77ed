module org.example.echo {
  requires dev.jev.codec;
}
