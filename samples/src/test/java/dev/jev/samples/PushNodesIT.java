package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The page of the sample `push` with two nodes, one of which is killed. */
@Timeout(180)
@CallsPrograms
class PushNodesIT {

  private static final Pattern PAGE = Pattern.compile("open (http://\\S+/) in a browser");

  private static String shows(String id, String condition) {
    return "(n => " + condition + ")(Number(document.getElementById('" + id + "').textContent))";
  }

  private static final String IS_LIVE = "document.getElementById('state').dataset.state === 'live'";

  @Test
  void pageOfAKilledNodeMovesToTheOtherAndMissesNothing(@TempDir Path profile) throws Exception {
    Program.require("redis-server");
    try (Browser browser = Browser.start(profile);
        LocalRedis redis = LocalRedis.start();
        Program nodes = Sample.start("push", "--port", "0", "--nodes", redis.uri())) {
      browser.opens(pages(nodes, 2).get(0)).awaits(IS_LIVE);
      browser.awaits(shows("steps-received", "n > 20"));
      browser.runs("document.querySelector('#nodes-list li[data-state=here] button').click()");
      browser.awaits(IS_LIVE).awaits(shows("steps-moves", "n === 1"));
      pages(nodes, 1); // the killed one is up again
      browser.awaits(shows("steps-received", "n > 60"));
      browser.awaits(shows("steps-missed", "n === 0")).awaits(shows("steps-twice", "n === 0"));
      assertThat(nodes.terminate().exitStatus()).isZero();
      assertThat(nodes.errors()).isEmpty();
    }
  }

  /** Reads the addresses of the pages. */
  private static List<String> pages(Program nodes, int count) throws Exception {
    List<String> pages = new ArrayList<>();
    while (pages.size() < count) {
      Matcher page = PAGE.matcher(nodes.line());
      if (page.matches()) {
        pages.add(page.group(1));
      }
    }
    return pages;
  }
}
