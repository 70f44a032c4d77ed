package dev.jev.site;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Marks comments, strings and keywords of code, as HTML that needs no script. */
final class Highlighter {

  private static final String STRING = "(?<string>\"(?:\\\\.|[^\"\\\\\\n])*\"%s)";
  private static final String SINGLE = "|'(?:\\\\.|[^'\\\\\\n])*'";
  private static final String C_COMMENT = "(?<comment>//[^\\n]*|/\\*.*?\\*/)";
  private static final List<String> KINDS = List.of("comment", "string", "keyword", "annotation");

  private static final Pattern JAVA =
      pattern(
          C_COMMENT,
          STRING.formatted(SINGLE),
          keywords(
              "abstract|assert|boolean|break|byte|case|catch|char|class|continue|default|do|double"
                  + "|else|enum|extends|false|final|finally|float|for|fun|if|implements|import"
                  + "|instanceof|int|interface|long|new|null|package|private|protected|public"
                  + "|record|return|sealed|short|static|super|suspend|switch|synchronized|this"
                  + "|throw|throws|true|try|val|var|void|volatile|when|while|yield"),
          "(?<annotation>@[A-Za-z]\\w*)");
  private static final Pattern SCRIPT =
      pattern(
          C_COMMENT,
          STRING.formatted(SINGLE + "|`(?:\\\\.|[^`\\\\])*`"),
          keywords(
              "async|await|break|case|catch|class|const|continue|else|export|false|finally|for"
                  + "|from|function|if|import|in|let|new|null|of|return|this|throw|true|try"
                  + "|typeof|undefined|while"));
  private static final Pattern C =
      pattern(
          C_COMMENT,
          STRING.formatted(SINGLE),
          keywords(
              "break|case|char|const|continue|default|do|else|enum|for|if|int|long|return|short"
                  + "|sizeof|static|struct|switch|typedef|union|unsigned|void|while"));
  private static final Pattern XML =
      pattern("(?<comment><!--.*?-->)", "(?<keyword></?[\\w:.-]+|/?>|\\?>|<\\?\\w+)");
  private static final Pattern JSON = pattern(STRING.formatted(""), keywords("true|false|null"));
  private static final Pattern LINES =
      pattern("(?<comment>(?<![^\\s])#[^\\n]*)", STRING.formatted(SINGLE));

  private static final Map<String, Pattern> LANGUAGES =
      Map.ofEntries(
          Map.entry("java", JAVA),
          Map.entry("kotlin", JAVA),
          Map.entry("kt", JAVA),
          Map.entry("js", SCRIPT),
          Map.entry("mjs", SCRIPT),
          Map.entry("c", C),
          Map.entry("xml", XML),
          Map.entry("jfc", XML),
          Map.entry("html", XML),
          Map.entry("json", JSON),
          Map.entry("sh", LINES),
          Map.entry("yaml", LINES),
          Map.entry("yml", LINES),
          Map.entry("ini", LINES),
          Map.entry("properties", LINES));

  private Highlighter() {}

  private static Pattern pattern(String... parts) {
    return Pattern.compile(String.join("|", parts), Pattern.DOTALL);
  }

  private static String keywords(String words) {
    return "(?<keyword>\\b(?:" + words + ")\\b)";
  }

  /** Returns code as HTML; that of an unknown language is only escaped. */
  static String html(String language, String code) {
    Pattern pattern = LANGUAGES.get(language);
    if (pattern == null) {
      return escape(code);
    }
    StringBuilder html = new StringBuilder();
    Matcher matcher = pattern.matcher(code);
    int end = 0;
    while (matcher.find()) {
      html.append(escape(code.substring(end, matcher.start())));
      html.append("<span class=\"").append(kind(pattern, matcher)).append("\">");
      html.append(escape(matcher.group())).append("</span>");
      end = matcher.end();
    }
    return html.append(escape(code.substring(end))).toString();
  }

  private static String kind(Pattern pattern, Matcher matcher) {
    for (String kind : KINDS) {
      if (pattern.pattern().contains("(?<" + kind + ">") && matcher.group(kind) != null) {
        return kind;
      }
    }
    throw new IllegalStateException("a match without a group: " + matcher.group());
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
