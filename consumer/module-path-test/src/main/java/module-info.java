module org.example.check {
  requires dev.jev.codec;
  requires dev.jev.test;
}
