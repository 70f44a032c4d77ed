package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code topics.js} in a page of Chromium, which reports to a topic. */
@Timeout(120)
@CallsPrograms
class TopicPageTest {

  private static final String REPORT = "{\"data\":{\"loads\":4,\"consecutive\":true}}";

  private static Program browser(Path profile, String url) throws Exception {
    return Program.start(
        "chromium",
        "--headless",
        "--no-sandbox", // the sandbox does not work as root
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--user-data-dir=" + profile,
        url);
  }

  @Test
  void pageGetsEachMessageOnceOverItsReloads(@TempDir Path directory) throws Exception {
    NodeScripts scripts = new NodeScripts(directory).with("fakes.mjs");
    try (PushServers servers = new PushServers();
        Program reports =
            scripts.start("live-client.mjs", "leave", PushServers.url(servers.first), "report")) {
      assertThat(reports.line()).isEqualTo("{\"started\":\"report\"}");
      String page = PushServers.page(servers.second);
      try (Program browser = browser(Files.createDirectory(directory.resolve("profile")), page)) {
        assertThat(reports.line()).isEqualTo("{\"data\":{\"started\":\"numbers\"}}");
        servers.publishNumbers("numbers", Integer.MAX_VALUE);
        assertThat(reports.line()).isEqualTo(REPORT);
        browser.terminate().exitStatus(); // before its profile is deleted
      }
    }
  }
}
