package dev.jev.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SiteTest {

  @TempDir Path folder;

  private Path root() {
    return folder.resolve("repository");
  }

  private Path site() {
    return folder.resolve("site");
  }

  private void file(Path folder, String path, String text) throws IOException {
    Path file = folder.resolve(path);
    Files.createDirectories(file.resolveSibling(""));
    Files.writeString(file, text);
  }

  private String written(String path) throws IOException {
    Site.write(new Documents(root()), site(), Api.read(site().resolve("api")), "1.2.3");
    return Files.readString(site().resolve(path));
  }

  private void javadoc(String page, String body) throws IOException {
    file(site(), "api/" + page, "<html><body>" + body + "</body></html>");
  }

  @Test
  void siteOfThisRepositoryHasNoBrokenLink() throws IOException {
    Site.write(new Documents(DocumentsTest.REPOSITORY), site(), Api.none(), "1.2.3");
    assertThat(SiteLinks.faults(site())).isEmpty();
    assertThat(site().resolve("docs/push.html")).content().contains("<h1 id=\"push\">Push</h1>");
    assertThat(site().resolve("benchmarks/torture.svg")).exists();
  }

  @Test
  void pagesNeedNoNetworkAndNoScript() throws IOException {
    Site.write(new Documents(DocumentsTest.REPOSITORY), site(), Api.none(), "1.2.3");
    for (Path page : Page.filesBelow(site())) {
      if (page.toString().endsWith(".html")) {
        assertThat(Files.readString(page))
            .doesNotContain("<script")
            .doesNotContainPattern("(?:src|stylesheet\" href)=\"(?:https?:)?//");
      }
    }
    assertThat(site().resolve("site.css")).content().doesNotContain("url(", "@import");
  }

  @Test
  void linksLeadToPages() throws IOException {
    file(root(), "README.md", "# R\n\n[push](docs/push.md#slow) [code](src/A.java) [all](src)\n");
    file(root(), "docs/push.md", "# Push\n\n[home](../README.md)\n\n## Slow\n");
    file(root(), "docs/README.md", "# D\n\n## Do\n\n* [Push](push.md): push.\n");
    file(root(), "src/A.java", "class A {}\n");
    Files.createDirectories(site().resolve("api"));
    assertThat(written("index.html"))
        .contains("<a href=\"docs/push.html#slow\">push</a>")
        .contains("<a href=\"src/A.java.html\">code</a>")
        .contains("<a href=\"src/index.html\">all</a>");
    assertThat(site().resolve("docs/push.html"))
        .content()
        .contains("<a href=\"../index.html\">home");
    assertThat(site().resolve("src/index.html")).content().contains("<a href=\"A.java.html\">");
    assertThat(site().resolve("src/A.java.html")).content().contains("href=\"A.java\" download");
    assertThat(SiteLinks.faults(site())).isEmpty();
  }

  @Test
  void folderWithReadmeLeadsToItsPage() throws IOException {
    file(root(), "README.md", "# R\n\n[t](template)\n");
    file(root(), "docs/README.md", "# D\n");
    file(root(), "template/README.md", "# Template\n");
    file(root(), "template/A.java", "class A {}\n");
    Files.createDirectories(site().resolve("api"));
    assertThat(written("index.html")).contains("<a href=\"template/index.html\">");
    assertThat(site().resolve("template/index.html"))
        .content()
        .contains("<h1 id=\"template\">Template</h1>", "<a href=\"A.java.html\">A.java</a>");
    assertThat(SiteLinks.faults(site())).isEmpty();
  }

  @Test
  void pagesAreListedInTheOrderOfTheIndex() throws IOException {
    file(
        root(),
        "docs/README.md",
        "# D\n\n## Do\n\n* [A](a.md): a.\n* [B](b.md): b.\n* [C](c.md): c.\n");
    file(root(), "docs/a.md", "# A\n");
    file(root(), "docs/b.md", "# B\n");
    file(root(), "docs/c.md", "# C\n");
    file(root(), "README.md", "# R\n");
    Files.createDirectories(site().resolve("api"));
    assertThat(written("docs/b.html"))
        .contains("<a href=\"b.html\" aria-current=\"page\">B</a>")
        .contains("<a rel=\"prev\" href=\"a.html\"><span>Previous</span>A</a>")
        .contains("<a rel=\"next\" href=\"c.html\"><span>Next</span>C</a>")
        .contains("<meta name=\"description\" content=\"b.\">");
  }

  @Test
  void typesAndMembersLeadToTheJavadoc() throws IOException {
    file(
        root(),
        "README.md",
        "# R\n\n`Topic.of` `Topic<String>` `Kind.BIG` `Ring` `Topic.of(a).b()`\n");
    javadoc("m/p/Topic.html", "<h3 id=\"of(java.lang.String)\">of</h3>");
    javadoc("m/p/Kind.html", "<h3 id=\"BIG\">BIG</h3>");
    javadoc("m/p/Ring.html", "");
    javadoc("m/q/Ring.html", "");
    assertThat(written("index.html"))
        .contains("<a href=\"api/m/p/Topic.html#of(java.lang.String)\"><code>Topic.of</code></a>")
        .contains("<a href=\"api/m/p/Topic.html\"><code>Topic&lt;String&gt;</code></a>")
        .contains("<a href=\"api/m/p/Kind.html#BIG\"><code>Kind.BIG</code></a>")
        .contains(" <code>Ring</code> <code>Topic.of(a).b()</code>");
  }

  @Test
  void methodThatTheApiLacksIsAFault() throws IOException {
    file(
        root(),
        "README.md",
        "# R\n\n`Topic.of(a)` `Topic.size` `Topic.close` `Topic.gone()` `Topic.java` `Other.gone`\n");
    javadoc("m/p/Topic.html", "<h3 id=\"of(java.lang.String)\"></h3><a href=\"#\">close</a>");
    javadoc("m/p/Topic.Builder.html", "<h3 id=\"size(int)\"></h3>");
    Documents documents = new Documents(root());
    assertThat(Site.write(documents, site(), Api.read(site().resolve("api")), "1.2.3"))
        .containsExactly("README.md: no such method: Topic.gone()");
    assertThat(site().resolve("index.html"))
        .content()
        .contains("<a href=\"api/m/p/Topic.Builder.html#size(int)\"><code>Topic.size</code>")
        .contains("<a href=\"api/m/p/Topic.html\"><code>Topic.close</code></a>");
  }

  @Test
  void columnsOfOtherLibrariesDoNotLeadToTheJavadoc() throws IOException {
    file(root(), "README.md", "# R\n\n| Netty | Jev |\n|---|---|\n| `Topic` | the `Topic` |\n");
    javadoc("m/p/Topic.html", "");
    assertThat(written("index.html"))
        .contains("<td><code>Topic</code></td>")
        .contains("<td>the <a href=\"api/m/p/Topic.html\"><code>Topic</code></a></td>");
  }

  @Test
  void brokenLinksOfPagesAndIntoTheJavadocAreFaults() throws IOException {
    file(
        site(),
        "a.html",
        "<a href=\"b.html\"></a><a href=\"api/T.html#m()\"></a><img src=\"p.svg\">");
    file(site(), "c.html", "<a href=\"api/T.html#n()\"></a><a href=\"#top\"></a><p id=\"top\">");
    javadoc("T.html", "<h3 id=\"n()\">n</h3>");
    assertThat(SiteLinks.faults(site()))
        .containsExactly(
            "a.html: broken link: b.html",
            "a.html: broken link: api/T.html#m()",
            "a.html: broken link: p.svg");
  }

  @Test
  void htmlInDocumentsAndFilesIsEscaped() throws IOException {
    file(root(), "README.md", "# A & <i>\n\n```xml\n<a b=\"c\"/>\n```\n\n[f](f.txt)\n");
    file(root(), "f.txt", "<script>\n");
    Files.createDirectories(site().resolve("api"));
    assertThat(written("index.html")).contains("b=&quot;c&quot;").doesNotContain("<a b=");
    assertThat(site().resolve("f.txt.html")).content().contains("&lt;script&gt;");
  }
}
