import dev.jev.Client
import dev.jev.Connection
import dev.jev.Handler
import dev.jev.Requests
import dev.jev.Server
import dev.jev.codec.Protocols
import dev.jev.websocket.WebSocketMessage
import dev.jev.websocket.WebSocketProtocol
import io.netty.util.Version
import kotlinx.coroutines.future.await
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import java.net.URI
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit.SECONDS

/** Echoes a line, and a text through WebSocket. */
fun main() {
    val echo = Handler.replying<String, String> { it }
    Server.builder(Protocols::lines, echo).listen("tcp://127.0.0.1:0").start().use { server ->
        val reply = CompletableFuture<String>()
        val handler = Handler<String, String> { _, line -> reply.complete(line) }
        Client.builder(Protocols::lines, handler).connect("tcp://127.0.0.1:${server.port()}").use { client ->
            client.connected().toCompletableFuture().get(20, SECONDS).send("hello")
            check(reply.get(20, SECONDS) == "hello")
        }
        val versions = Version.identify().values.map { it.artifactVersion() }.distinct()
        println("Kotlin ${KotlinVersion.CURRENT}, netty ${versions.joinToString()}, transport ${server.transport()}")
        check(versions.size == 1)
    }
    webSocket()
    requests()
}

/** Awaits an answer in a coroutine; its cancellation forgets the request. */
private fun requests() = runBlocking {
    val slow = CompletableFuture<String>()
    val answers = Handler.replyingAsync<String, String> { if (it == "slow") slow else CompletableFuture.completedFuture(it) }
    val requests = Requests.inOrder<String, String>().build()
    Server.builder(Protocols::lines, answers).listen("tcp://127.0.0.1:0").start().use { server ->
        Client.builder(Protocols::lines, requests.handler()).connect("tcp://127.0.0.1:${server.port()}").use { client ->
            client.connected().await()
            check(requests.ask(client, "hello").await() == "hello")
            check(withTimeoutOrNull(50) { requests.ask(client, "slow").await() } == null)
            check(requests.stats().open() == 0L)
            slow.complete("late")
            check(requests.ask(client, "next").await() == "next")
        }
    }
}

private fun webSocket() {
    val echo = Handler<WebSocketMessage, WebSocketMessage> { connection, message -> connection.send(message) }
    Server.builder(::WebSocketProtocol, echo).listen("tcp://127.0.0.1:0").start().use { server ->
        val uri = WebSocketProtocol.client(URI("ws://127.0.0.1:${server.port()}/"))
        val reply = CompletableFuture<String>()
        val handler = object : Handler<WebSocketMessage, WebSocketMessage> {
            override fun onConnect(connection: Connection<WebSocketMessage>) {
                connection.send(WebSocketMessage.text("hello"))
            }

            override fun onMessage(connection: Connection<WebSocketMessage>, message: WebSocketMessage) {
                reply.complete((message as WebSocketMessage.Text).text())
            }
        }
        Client.builder(uri.build(), handler).connect(uri.address()).use {
            check(reply.get(20, SECONDS) == "hello")
        }
    }
}
