package dev.jev.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class HighlighterTest {

  @Test
  void javaIsMarked() {
    assertThat(Highlighter.html("java", "@A int i = f(\"//x\"); // <no> \"s\""))
        .isEqualTo(
            "<span class=\"annotation\">@A</span> <span class=\"keyword\">int</span> i ="
                + " f(<span class=\"string\">&quot;//x&quot;</span>);"
                + " <span class=\"comment\">// &lt;no&gt; &quot;s&quot;</span>");
  }

  @Test
  void hashWithinAWordBeginsNoComment() {
    assertThat(Highlighter.html("sh", "echo a#b # c"))
        .isEqualTo("echo a#b <span class=\"comment\"># c</span>");
  }

  @Test
  void unknownLanguageIsOnlyEscaped() {
    assertThat(Highlighter.html("", "if (a < b)")).isEqualTo("if (a &lt; b)");
  }

  @Test
  void everyFileKeepsItsText() throws IOException {
    int files = 0;
    for (Path file : Page.filesBelow(DocumentsTest.REPOSITORY.resolve("samples"))) {
      String name = file.getFileName().toString();
      String language = name.substring(name.lastIndexOf('.') + 1);
      if (language.matches("java|js|xml|yml|html|properties")) {
        String code = Files.readString(file);
        String html = Highlighter.html(language, code);
        assertThat(html.replaceAll("</?span[^>]*>", ""))
            .as(name)
            .isEqualTo(Highlighter.escape(code));
        files++;
      }
    }
    assertThat(files).isGreaterThan(50);
  }
}
