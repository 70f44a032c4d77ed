"""A client of topics over WebSocket, written from docs/topic-protocol.md and RFC 6455, with nothing but sockets.

topic_client.py PORT PATH follow TOPIC CUT        gets consecutive numbers until the text "last", and cuts the connection
                                                  without a closing handshake after each CUT of them
topic_client.py PORT PATH publish TOPIC COUNT     publishes the numbers from 1
topic_client.py PORT PATH members TOPIC UNTIL     tells of the members until UNTIL has left
topic_client.py PORT PATH send TEXT...            sends texts and tells of the answers until the server closes

It prints a JSON object per line. It fails if the server does not keep to the protocol.
"""

import base64
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SUBPROTOCOL = "jev.topics.v1"


class Closed(Exception):
    """The server has closed the connection, with this code (1006: without a closing handshake)."""

    def __init__(self, code, reason=""):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocket:
    """RFC 6455, as far as a client of topics needs it."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.unread = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
            ).encode()
        )
        lines = self.read_head()
        assert lines[0].startswith("HTTP/1.1 101"), lines[0]
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert fields["sec-websocket-accept"] == base64.b64encode(accept).decode().lower()
        assert fields["sec-websocket-protocol"] == SUBPROTOCOL
        assert "sec-websocket-extensions" not in fields

    def read_head(self):
        while b"\r\n\r\n" not in self.unread:
            self.read_more()
        head, self.unread = self.unread.split(b"\r\n\r\n", 1)
        return head.decode().split("\r\n")

    def read_more(self):
        try:
            more = self.socket.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            raise Closed(1006)
        self.unread += more

    def take(self, count):
        while len(self.unread) < count:
            self.read_more()
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def send(self, text, opcode=TEXT):
        payload = text if isinstance(text, bytes) else text.encode()
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        try:
            self.socket.sendall(head + mask + masked)
        except ConnectionError:
            raise Closed(1006) from None

    def receive(self):
        """Returns the next text message; answers control frames before it."""
        message = b""
        while True:
            first, second = self.take(2)
            assert first & 0x70 == 0, "reserved bits"
            assert second < 128, "a frame of a server is not masked"
            length = second
            if second == 126:
                (length,) = struct.unpack("!H", self.take(2))
            elif second == 127:
                (length,) = struct.unpack("!Q", self.take(8))
            payload = self.take(length)
            opcode = first & 0x0F
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                try:
                    self.send(payload, CLOSE)
                except Closed:
                    pass  # the code of the server counts
                self.socket.close()
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                raise Closed(code, payload[2:].decode())
            elif opcode in (TEXT, 0):
                message += payload
                if first & 0x80:
                    return message.decode()
            else:
                assert opcode == PONG, f"opcode {opcode}"

    def cut(self):
        self.socket.close()


class Topics:
    """A connection to topics that continues its subscriptions whenever it ends."""

    def __init__(self, port, path):
        self.port = port
        self.path = path
        self.positions = {}  # by topic: behind the last message that was processed
        self.connections = 0
        self.failures = 0
        self.after = 0
        self.connect()

    def connect(self):
        self.connections += 1
        self.socket = WebSocket(self.port, self.path)
        heartbeat = self.receive()["heartbeat"]
        assert heartbeat > 0
        self.socket.socket.settimeout(heartbeat * 2.4)

    def receive(self):
        message = json.loads(self.socket.receive())
        assert isinstance(message, dict)
        if "reconnect" in message:
            self.after = message["reconnect"]["after"]
        return message

    def send(self, **command):
        self.socket.send(json.dumps(command))

    def subscribe(self, topic):
        """Subscribes, behind the last position if there is one; returns the answer."""
        known = {t: p for t, p in self.positions.items() if t == topic}
        answer = {"retry": 0}
        while "subscribed" not in answer:
            assert "denied" not in answer, answer
            if "retry" in answer:
                time.sleep(answer["retry"] / 1000)
                self.send(subscribe=[topic], **({"after": known} if known else {}))
            answer = self.receive()
        assert answer["subscribed"] == topic
        if "position" in answer:
            check_position(answer["position"])
            self.positions[topic] = answer["position"]
        return answer

    def resume(self, topic, end):
        """Connects and subscribes again, however often a connection ends before it is answered; returns the answer."""
        while True:
            self.reconnect(end)
            try:
                answer = self.subscribe(topic)
            except Closed as e:
                end = e
                continue
            assert not answer["lost"], answer
            return answer

    def reconnect(self, end):
        """Connects again as the protocol says, after the end of a connection."""
        if end.code == 1008:
            raise end
        wait = self.after / 1000 or random.random() * min(30, 0.5 * 2**self.failures)
        self.after = 0
        time.sleep(wait)
        try:
            self.connect()
            self.failures = 0
        except (Closed, OSError) as e:
            self.failures += 1
            assert self.failures < 10, e
            self.reconnect(e if isinstance(e, Closed) else Closed(1006))


def tell(**what):
    print(json.dumps(what), flush=True)


def check_position(position):
    assert isinstance(position, str) and 0 < len(position) <= 80, position


def follow(topics, topic, cut):
    """Gets the numbers from 1 on, each once and in order."""
    first = topics.subscribe(topic)
    assert first["replayed"] == 0 and not first["lost"], first
    tell(subscribed=topic)
    seen = set()
    replayed = 0
    got = 0
    while True:
        try:
            message = topics.receive()
        except Closed as end:
            replayed += topics.resume(topic, end)["replayed"]
            continue
        assert "gap" not in message and "denied" not in message, message
        if message.get("topic") != topic:
            continue
        if message["data"] == "last":
            tell(got=got, connections=topics.connections, replayed=replayed > 0)
            return
        got += 1
        assert message["data"] == got, f"{message['data']} (expected: {got})"
        check_position(message["position"])
        assert message["position"] not in seen
        seen.add(message["position"])
        topics.positions[topic] = message["position"]
        if got % cut == 0:
            topics.socket.cut()
            replayed += topics.resume(topic, Closed(1006))["replayed"]


def publish(topics, topic, count):
    """Publishes numbers, and compares the positions of the answers with those of the messages."""
    topics.subscribe(topic)
    published = {}
    heard = []
    sent = 0
    while len(published) < count or len(heard) < count:
        while sent < count and sent - len(published) < 64:
            sent += 1
            topics.send(publish=topic, data=sent, id=sent)
        message = topics.receive()
        assert "failed" not in message and "denied" not in message, message
        if "published" in message:
            assert message["published"] not in published
            published[message["published"]] = message["position"]
        elif message.get("topic") == topic:
            heard.append((message["data"], message["position"]))
    assert heard == sorted(published.items()), "order, or positions"
    topics.send(publish=topic, data="not to myself", id=count + 1, echo=False)
    topics.send(publish=topic, data="last")
    while True:
        message = topics.receive()
        assert message.get("data") != "not to myself"
        if message.get("data") == "last":
            tell(published=count)
            return


def members(topics, topic, until):
    """Tells of the members of a topic until one has left; the versions have no hole."""
    topics.subscribe(topic)
    topics.send(presence=topic)
    version = None
    while True:
        message = topics.receive()
        if message.get("presence") != topic:
            continue
        if "members" in message:
            assert len(message["members"]) <= 1000 and message["more"] >= 0
            tell(members=sorted(member["id"] for member in message["members"]))
        else:
            assert version is not None and message["version"] == version + 1, message
            change = "joined" if "joined" in message else "left"
            tell(**{change: message[change]["id"]})
            if change == "left" and message[change]["id"] == until:
                return
        version = message["version"]


def send(topics, *texts):
    """Sends texts as they are, and tells of all that comes until the server closes."""
    for text in texts:
        topics.socket.send(text)
    try:
        while True:
            message = topics.receive()
            if "heartbeat" not in message:
                tell(**message)
    except Closed as end:
        tell(closed=end.code)


def main(port, path, what, *arguments):
    topics = Topics(int(port), path)
    arguments = [int(a) if a.isdigit() else a for a in arguments]
    {"follow": follow, "publish": publish, "members": members, "send": send}[what](topics, *arguments)


main(*sys.argv[1:])
