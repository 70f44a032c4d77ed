package dev.jev.samples.redis;

import java.util.List;

/**
 * A conversation with a Redis server. In the texts, ~ represents CR LF, and any other character one
 * byte.
 *
 * <p>The replies are those of Redis 7.0, byte for byte. Each conversation begins with an empty
 * database.
 *
 * @param request all bytes that the client sends before it shuts down its output
 * @param reply all bytes that the server sends
 */
record Conversation(String request, String reply) {

  static final List<Conversation> ALL =
      List.of(
          // strings
          new Conversation("SET a 1~", "+OK~"),
          new Conversation("GET a~", "$-1~"),
          new Conversation("get A~", "$-1~"),
          new Conversation("GeT a~", "$-1~"),
          new Conversation("GET~", "-ERR wrong number of arguments for 'get' command~"),
          new Conversation("GET a b~", "-ERR wrong number of arguments for 'get' command~"),
          new Conversation("SET a~", "-ERR wrong number of arguments for 'set' command~"),
          new Conversation("SET a b NX XX~", "-ERR syntax error~"),
          new Conversation("SET a b EX~", "-ERR syntax error~"),
          new Conversation("SET a b EX 0~", "-ERR invalid expire time in 'set' command~"),
          new Conversation("SET a b PX -1~", "-ERR invalid expire time in 'set' command~"),
          new Conversation("SET a b EX x~", "-ERR value is not an integer or out of range~"),
          new Conversation("SET a b EX 1 PX 1~", "-ERR syntax error~"),
          new Conversation("SET a b FOO~", "-ERR syntax error~"),
          new Conversation(
              "SET a b EX 9223372036854775~", "-ERR invalid expire time in 'set' command~"),
          new Conversation(
              "SET a b EX 9223372036854775807~", "-ERR invalid expire time in 'set' command~"),
          new Conversation(
              "SET a b PX 9223372036854775807~", "-ERR invalid expire time in 'set' command~"),
          new Conversation(
              "SET n 1 nx~SET n 2 NX~GET n~SET zz 2 XX~GET zz~SET n 3 xx~GET n~",
              "+OK~$-1~$1~1~$-1~$-1~+OK~$1~3~"),
          new Conversation(
              "SET e v EX 100~GET e~SET e v PX 100000 NX~SET e v PX 100000 XX~",
              "+OK~$1~v~$-1~+OK~"),
          new Conversation("SET e v EX 10 EX 20~", "+OK~"),
          new Conversation("SET e \"\" ~GET e~", "+OK~$0~~"),
          new Conversation("MSET a 1 b 2 a 3~MGET a b c~", "+OK~*3~$1~3~$1~2~$-1~"),
          new Conversation("MSET a~", "-ERR wrong number of arguments for 'mset' command~"),
          new Conversation("MSET a 1 b~", "-ERR wrong number of arguments for 'mset' command~"),
          new Conversation("MGET~", "-ERR wrong number of arguments for 'mget' command~"),
          new Conversation("DEL a b a c~EXISTS a~", ":0~:0~"),
          new Conversation("SET x y~EXISTS x x c~", "+OK~:2~"),
          new Conversation("DEL~", "-ERR wrong number of arguments for 'del' command~"),
          new Conversation("EXISTS~", "-ERR wrong number of arguments for 'exists' command~"),
          // counters
          new Conversation(
              "INCR i~INCR i~DECR i~INCRBY i 10~INCRBY i -20~GET i~", ":1~:2~:1~:11~:-9~$2~-9~"),
          new Conversation(
              "SET i 9223372036854775807~INCR i~GET i~",
              "+OK~-ERR increment or decrement would overflow~$19~9223372036854775807~"),
          new Conversation(
              "SET i -9223372036854775808~DECR i~INCRBY i 9223372036854775807~",
              "+OK~-ERR increment or decrement would overflow~:-1~"),
          new Conversation("SET i x~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation(
              "SET i \" 1\"~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation("SET i 01~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation("SET i -0~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation("SET i +1~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation("SET i -~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation(
              "SET i \"\"~INCR i~", "+OK~-ERR value is not an integer or out of range~"),
          new Conversation(
              "SET i 9223372036854775808~INCR i~",
              "+OK~-ERR value is not an integer or out of range~"),
          new Conversation(
              "SET i 18446744073709551617~INCR i~",
              "+OK~-ERR value is not an integer or out of range~"),
          new Conversation("INCRBY k x~", "-ERR value is not an integer or out of range~"),
          new Conversation("INCRBY k~", "-ERR wrong number of arguments for 'incrby' command~"),
          new Conversation("INCRBY k 1.5~", "-ERR value is not an integer or out of range~"),
          new Conversation("INCR~", "-ERR wrong number of arguments for 'incr' command~"),
          new Conversation("DECR a b~", "-ERR wrong number of arguments for 'decr' command~"),
          // lists
          new Conversation(
              "LPUSH l a b c~LRANGE l 0 -1~RPUSH l d~LLEN l~LRANGE l -2 -1~LRANGE l -100 0~LRANGE l"
                  + " 2 1~LRANGE l 5 9~LRANGE l 1 100~LRANGE l 0 -100~",
              ":3~*3~$1~c~$1~b~$1~a~:4~:4~*2~$1~a~$1~d~*1~$1~c~*0~*0~*3~$1~b~$1~a~$1~d~*0~"),
          new Conversation("LRANGE none 0 -1~LLEN none~LPOP none~RPOP none 2~", "*0~:0~$-1~*-1~"),
          new Conversation(
              "RPUSH l a b c~LPOP l 0~LPOP l 2~RPOP l~EXISTS l~LPOP l~",
              ":3~*0~*2~$1~a~$1~b~$1~c~:0~$-1~"),
          new Conversation("RPUSH l a b c~RPOP l 5~LLEN l~", ":3~*3~$1~c~$1~b~$1~a~:0~"),
          new Conversation(
              "RPUSH l a~LPOP l -1~", ":1~-ERR value is out of range, must be positive~"),
          new Conversation(
              "RPUSH l a~LPOP l x~", ":1~-ERR value is out of range, must be positive~"),
          new Conversation("LPOP none -1~", "-ERR value is out of range, must be positive~"),
          new Conversation("LPOP none 0~", "*-1~"),
          new Conversation("LPOP l 1 2~", "-ERR wrong number of arguments for 'lpop' command~"),
          new Conversation("LPOP~", "-ERR wrong number of arguments for 'lpop' command~"),
          new Conversation("LPUSH l~", "-ERR wrong number of arguments for 'lpush' command~"),
          new Conversation("RPUSH~", "-ERR wrong number of arguments for 'rpush' command~"),
          new Conversation("LRANGE l 0~", "-ERR wrong number of arguments for 'lrange' command~"),
          new Conversation(
              "RPUSH l a~LRANGE l x 1~", ":1~-ERR value is not an integer or out of range~"),
          new Conversation("LRANGE none 0 x~", "-ERR value is not an integer or out of range~"),
          new Conversation("LLEN~", "-ERR wrong number of arguments for 'llen' command~"),
          // types
          new Conversation(
              "RPUSH l a~GET l~",
              ":1~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "RPUSH l a~INCR l~",
              ":1~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "SET s x~LPUSH s a~",
              "+OK~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "SET s x~RPUSH s a~",
              "+OK~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "SET s x~LLEN s~",
              "+OK~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "SET s x~LPOP s~",
              "+OK~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "SET s x~RPOP s 2~",
              "+OK~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation(
              "SET s x~LRANGE s 0 1~",
              "+OK~-WRONGTYPE Operation against a key holding the wrong kind of value~"),
          new Conversation("RPUSH l a~SET s x~MGET l s~", ":1~+OK~*2~$-1~$1~x~"),
          new Conversation("RPUSH l a~SET l x~GET l~", ":1~+OK~$1~x~"),
          new Conversation("RPUSH l a~SET l x NX~", ":1~$-1~"),
          // keyspace
          new Conversation("DBSIZE~", ":0~"),
          new Conversation("SET a 1~RPUSH b 1~DBSIZE~FLUSHDB~DBSIZE~", "+OK~:1~:2~+OK~:0~"),
          new Conversation("SET a 1~FLUSHALL~GET a~", "+OK~+OK~$-1~"),
          new Conversation("FLUSHALL ASYNC~FLUSHDB sync~", "+OK~+OK~"),
          new Conversation("FLUSHALL foo~", "-ERR syntax error~"),
          new Conversation("FLUSHDB ASYNC SYNC~", "-ERR syntax error~"),
          new Conversation("DBSIZE 1~", "-ERR wrong number of arguments for 'dbsize' command~"),
          // connection
          new Conversation("PING~", "+PONG~"),
          new Conversation("ping~", "+PONG~"),
          new Conversation("PING hello~", "$5~hello~"),
          new Conversation("PING a b~", "-ERR wrong number of arguments for 'ping' command~"),
          new Conversation("ECHO hello~", "$5~hello~"),
          new Conversation("ECHO~", "-ERR wrong number of arguments for 'echo' command~"),
          new Conversation("ECHO a b~", "-ERR wrong number of arguments for 'echo' command~"),
          new Conversation("QUIT~PING~", "+OK~"),
          new Conversation("QUIT now~", "+OK~"),
          new Conversation("SELECT 0~", "+OK~"),
          new Conversation("SELECT~", "-ERR wrong number of arguments for 'select' command~"),
          new Conversation("SELECT x~", "-ERR value is not an integer or out of range~"),
          new Conversation("SELECT 99~", "-ERR DB index is out of range~"),
          new Conversation("SELECT -1~", "-ERR DB index is out of range~"),
          new Conversation("SELECT 1.5~", "-ERR value is not an integer or out of range~"),
          new Conversation("HELLO 1~", "-NOPROTO unsupported protocol version~"),
          new Conversation("HELLO x~", "-ERR Protocol version is not an integer or out of range~"),
          new Conversation("HELLO 2 foo~", "-ERR Syntax error in HELLO option 'foo'~"),
          new Conversation("HELLO 2 SETNAME~", "-ERR Syntax error in HELLO option 'SETNAME'~"),
          new Conversation("CLIENT~", "-ERR wrong number of arguments for 'client' command~"),
          new Conversation("CLIENT foo~", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.~"),
          new Conversation(
              "CLIENT SETNAME~", "-ERR wrong number of arguments for 'client|setname' command~"),
          new Conversation("CLIENT SETNAME a~CLIENT GETNAME~", "+OK~$1~a~"),
          new Conversation(
              "CLIENT SETNAME \"a b\"~",
              "-ERR Client names cannot contain spaces, newlines or special characters.~"),
          new Conversation("CLIENT GETNAME~", "$-1~"),
          new Conversation(
              "CLIENT GETNAME x~", "-ERR wrong number of arguments for 'client|getname' command~"),
          new Conversation(
              "CLIENT ID x~", "-ERR wrong number of arguments for 'client|id' command~"),
          new Conversation("CLIENT NO-EVICT on~", "+OK~"),
          new Conversation("CONFIG~", "-ERR wrong number of arguments for 'config' command~"),
          new Conversation("CONFIG foo~", "-ERR unknown subcommand 'foo'. Try CONFIG HELP.~"),
          new Conversation(
              "CONFIG \"f\\noo\"~", "-ERR unknown subcommand 'f oo'. Try CONFIG HELP.~"),
          new Conversation(
              "CONFIG GET~", "-ERR wrong number of arguments for 'config|get' command~"),
          new Conversation("CONFIG GET save~", "*2~$4~save~$0~~"),
          new Conversation("CONFIG GET appendonly~", "*2~$10~appendonly~$2~no~"),
          new Conversation("CONFIG GET APPENDONLY~", "*2~$10~APPENDONLY~$2~no~"),
          new Conversation("CONFIG GET nosuch~", "*0~"),
          new Conversation("COMMAND foo~", "-ERR unknown subcommand 'foo'. Try COMMAND HELP.~"),
          new Conversation("CONFIG GET SAVE save Save~", "*2~$4~SAVE~$0~~"),
          new Conversation("COMMAND DOCS nosuch~", "*0~"),
          new Conversation("HELLO 4~", "-NOPROTO unsupported protocol version~"),
          new Conversation(
              "HELLO 99999999999999999999~",
              "-ERR Protocol version is not an integer or out of range~"),
          new Conversation("HELLO 3 AUTH default~", "-ERR Syntax error in HELLO option 'AUTH'~"),
          new Conversation(
              "HELLO 3 AUTH a b SETNAME me~CLIENT GETNAME~",
              "-WRONGPASS invalid username-password pair or user is disabled.~$-1~"),
          new Conversation(
              "HELLO 3 SETNAME me AUTH a b~CLIENT GETNAME~GET a~",
              "-WRONGPASS invalid username-password pair or user is disabled.~$2~me~$-1~"),
          new Conversation(
              "HELLO 3 setname me foo~CLIENT GETNAME~",
              "-ERR Syntax error in HELLO option 'foo'~$2~me~"),
          new Conversation(
              "HELLO 3 SETNAME \"a b\"~",
              "-ERR Client names cannot contain spaces, newlines or special characters.~"),
          new Conversation("AUTH~", "-ERR wrong number of arguments for 'auth' command~"),
          new Conversation(
              "AUTH a~",
              "-ERR AUTH <password> called without any password configured for the default user."
                  + " Are you sure your configuration is correct?~"),
          new Conversation(
              "AUTH a b~", "-WRONGPASS invalid username-password pair or user is disabled.~"),
          new Conversation("AUTH default b~", "+OK~"),
          new Conversation("AUTH a b c~", "-ERR syntax error~"),
          // unknown
          new Conversation("foo~", "-ERR unknown command 'foo', with args beginning with: ~"),
          new Conversation(
              "FOO a b~", "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' ~"),
          new Conversation(
              "foo \"\" ''~", "-ERR unknown command 'foo', with args beginning with: '' '' ~"),
          new Conversation(
              "foo \"a\\nb\" \"c\\r\"~",
              "-ERR unknown command 'foo', with args beginning with: 'a b' 'c ' ~"),
          new Conversation(
              "\"f\\x00oo\" \"a\\x00b\"~",
              "-ERR unknown command 'f', with args beginning with: 'a' ~"),
          new Conversation(
              "foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                  + " y~",
              "-ERR unknown command 'foo', with args beginning with:"
                  + " 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
                  + " ~"),
          new Conversation(
              "foo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                  + " yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                  + " yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                  + " yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy~",
              "-ERR unknown command 'foo', with args beginning with:"
                  + " 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'"
                  + " 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' 'yyyyyyyyyyyyyyyyyyyyyy'"
                  + " ~"),
          new Conversation(
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx~",
              "-ERR unknown command"
                  + " 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',"
                  + " with args beginning with: ~"),
          // protocol
          new Conversation("*x~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*01~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*-1~PING~", "+PONG~"),
          new Conversation("*0~PING~", "+PONG~"),
          new Conversation("*-~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*+1~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*1 ~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*2147483648~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation(
              "*99999999999999999999999~", "-ERR Protocol error: invalid multibulk length~"),
          new Conversation("*1~~~", "-ERR Protocol error: expected '$', got ' '~"),
          new Conversation("*1~foo~", "-ERR Protocol error: expected '$', got 'f'~"),
          new Conversation("*1~\n~", "-ERR Protocol error: expected '$', got ' '~"),
          new Conversation("*1~\u00ff~", "-ERR Protocol error: expected '$', got '\u00ff'~"),
          new Conversation("*1~$x~", "-ERR Protocol error: invalid bulk length~"),
          new Conversation("*1~$-1~", "-ERR Protocol error: invalid bulk length~"),
          new Conversation("*1~$~", "-ERR Protocol error: invalid bulk length~"),
          new Conversation("*1~$04~PING~", "-ERR Protocol error: invalid bulk length~"),
          new Conversation("*1~$4~PINGxxPING~", "+PONG~+PONG~"),
          new Conversation("*1~$0~~", "-ERR unknown command '', with args beginning with: ~"),
          new Conversation("*1~$536870913~", "-ERR Protocol error: invalid bulk length~"),
          new Conversation("*1\rx$4\rxPINGxx", "+PONG~"),
          new Conversation("PING\n", "+PONG~"),
          new Conversation("~\n ~PING~", "+PONG~"),
          new Conversation(" PING ~", "+PONG~"),
          new Conversation("\"PING~", "-ERR Protocol error: unbalanced quotes in request~"),
          new Conversation("\"PING\"x~", "-ERR Protocol error: unbalanced quotes in request~"),
          new Conversation("'PING'x~", "-ERR Protocol error: unbalanced quotes in request~"),
          new Conversation("'PING~", "-ERR Protocol error: unbalanced quotes in request~"),
          new Conversation(
              "ECHO \"a\\x41\\n\\r\\t\\b\\a\\q\\\"\\xzz\"~", "$12~aA\n\r\t\u0008\u0007q\"xzz~"),
          new Conversation("ECHO 'a\\n\\'b'~", "$5~a\\n'b~"),
          new Conversation("ECHO a\"b c\"~", "$4~ab c~"),
          new Conversation("''~", "-ERR unknown command '', with args beginning with: ~"),
          new Conversation("ECHO \"a\\~", "-ERR Protocol error: unbalanced quotes in request~"),
          new Conversation("ECHO a\u000bb~", "$3~a\u000bb~"),
          new Conversation("ECHO \u000bb~", "$1~b~"),
          new Conversation(
              "ECHO \"a\"\u000bb~", "-ERR wrong number of arguments for 'echo' command~"),
          new Conversation("ECHO a\rb~", "-ERR wrong number of arguments for 'echo' command~"),
          new Conversation("PING\r~", "+PONG~"),
          new Conversation("ECHO \u00ff\u00fe~", "$2~\u00ff\u00fe~"),
          new Conversation("*2~$4~ECHO~$5~\u0000~\u00ff$~", "$5~\u0000~\u00ff$~"));

  private static final String HELLO =
      "$6~server~$5~redis~$7~version~$6~7.0.15~$5~proto~:%d~$2~id~:1~$4~mode~$10~standalone~"
          + "$4~role~$6~master~$7~modules~*0~";

  private static final String HELLO_2 = "*14~" + HELLO.formatted(2);
  private static final String HELLO_3 = "%7~" + HELLO.formatted(3);

  /** Conversations of clients that request a version. Ids are 1, see {@link #withoutIds}. */
  static final List<Conversation> VERSIONED =
      List.of(
          new Conversation("HELLO~HELLO 2~", HELLO_2 + HELLO_2),
          new Conversation("HELLO 3~HELLO~", HELLO_3 + HELLO_3),
          new Conversation("hello 3 auth default x setname me~client getname~", HELLO_3 + "$2~me~"),
          new Conversation(
              "HELLO 3 SETNAME me SETNAME \"\"~CLIENT GETNAME~CLIENT GETNAME~", HELLO_3 + "_~_~"),
          new Conversation(
              "HELLO 3~GET a~HELLO 2~GET a~HELLO~", HELLO_3 + "_~" + HELLO_2 + "$-1~" + HELLO_2),
          new Conversation(
              "HELLO 3~HELLO 4~GET a~HELLO 2 foo~GET a~",
              HELLO_3
                  + "-NOPROTO unsupported protocol version~_~"
                  + "-ERR Syntax error in HELLO option 'foo'~_~"),
          new Conversation(
              "HELLO 3~LPOP a~LPOP a 1~RPOP a~GET a~MGET a b~SET a b XX~SET a b~SET a c NX~",
              HELLO_3 + "_~_~_~_~*2~_~_~_~+OK~_~"),
          new Conversation("HELLO 3~LPOP none 0~RPOP none 2~", HELLO_3 + "_~_~"),
          new Conversation(
              "HELLO 3~RPUSH l a b~LRANGE l 0 -1~LRANGE x 0 -1~LPOP l 1~LLEN l~",
              HELLO_3 + ":2~*2~$1~a~$1~b~*0~*1~$1~a~:1~"),
          new Conversation(
              "HELLO 3~PING~PING a~INCR n~SELECT 99~",
              HELLO_3 + "+PONG~$1~a~:1~-ERR DB index is out of range~"),
          new Conversation(
              "HELLO 3~CONFIG GET save~CONFIG GET appendonly~CONFIG GET nosuch~",
              HELLO_3 + "%1~$4~save~$0~~%1~$10~appendonly~$2~no~%0~"),
          new Conversation("HELLO 3~COMMAND DOCS nosuch~", HELLO_3 + "%0~"));

  /** Returns a reply with the client's id and the server's version replaced by fixed ones. */
  static String withoutIds(String answer) {
    return answer
        .replaceAll("\r\nid\r\n:\\d+", "\r\nid\r\n:1")
        .replaceAll("\\$\\d\r\n7\\.\\d+\\.\\d+\r\n", "\\$6\r\n7.0.15\r\n");
  }

  Conversation {
    request = request.replace("~", "\r\n");
    reply = reply.replace("~", "\r\n");
  }
}
