"""Python's `websockets` as a client of an echo server: websockets-client.py URI [deflate]"""

import asyncio
import os
import sys

import websockets


async def main(uri, compression):
    async with websockets.connect(uri, compression=compression, max_size=None) as socket:
        print("extensions", [extension.name for extension in socket.extensions])
        for length in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
            for message in ["x" * length, os.urandom(length)]:
                await socket.send(message)
                assert await socket.recv() == message, length

        await socket.send(["one ", "", "gr\u00fc\u00dfe ", "\u20ac" * 30000])
        assert await socket.recv() == "one gr\u00fc\u00dfe " + "\u20ac" * 30000
        await asyncio.wait_for(await socket.ping(b"payload"), timeout=20)

        await socket.close(4321, "gr\u00fc\u00dfe")
        print("close", socket.close_code, socket.close_reason)


asyncio.run(main(sys.argv[1], (sys.argv[2:] or [None])[0]))
