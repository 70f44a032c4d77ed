package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.PushServer;
import dev.jev.CallsPrograms;
import dev.jev.Server;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the server and the page of docs/first-hour.md. Its commands are executed by .ci/first-hour.
 */
@Timeout(60)
class FirstHourGuideTest {

  private static final Path GUIDE = Path.of("..", "docs", "first-hour.md");

  @Test
  void textGoesToAllClients() throws Exception {
    try (Server server = PushServer.start("tcp://127.0.0.1:0")) {
      WebSocketTexts ann = WebSocketTexts.connect(server.port(), "/push");
      WebSocketTexts bob = WebSocketTexts.connect(server.port(), "/push");
      ann.sends("hello").expect("hello");
      assertThat(bob.next()).isEqualTo("hello");
    }
  }

  @Test
  @CallsPrograms
  void pageShowsWhatAnotherPageSends(@TempDir Path profile) throws Exception {
    try (Browser browser = Browser.start(profile);
        Server server = PushServer.start("tcp://127.0.0.1:0")) {
      String page = "http://127.0.0.1:" + server.port() + "/";
      browser.opens(page);
      String first = browser.window();
      browser.opensWindow();
      browser.opens(page).awaits("socket.readyState === WebSocket.OPEN");
      browser.runs(
          "const input = document.querySelector('input'); input.value = '1 < 2';"
              + " input.dispatchEvent(new Event('change'))");
      browser.goesTo(first).awaits("document.querySelector('li')?.textContent === '1 < 2'");
    }
  }

  @Test
  void guideShowsTheServerAndThePageThatAreTestedHere() throws IOException {
    Snippets.expectShown("docs/first-hour.md", PushServer.class);
    assertThat(Files.readString(GUIDE))
        .contains(
            "```html\n"
                + Files.readString(Path.of("src/test/resources/static/index.html"))
                + "```");
  }

  @Test
  void guideBeginsWithTheCommandOfTheReadme() throws IOException {
    String command =
        "./mvnw -Pdemo package -pl samples -am && java -jar samples/target/samples.jar push";
    assertThat(GUIDE).content().contains("$ " + command + " &\n");
    assertThat(Path.of("..", "README.md")).content().contains("```sh\n" + command + "\n```");
  }
}
