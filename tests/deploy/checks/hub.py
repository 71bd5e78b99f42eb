"""A hub of a few lines, as a process of its own: `hub.py PORT`.

It takes a moment for each answer, three seconds for "long" ones, and ends at SIGTERM as good servers do: takes no new
connections, finishes what is under way.
"""

import asyncio
import signal
import sys


async def main(port):
    busy, told = set(), asyncio.Event()

    async def connection(reader, writer):
        try:
            while not told.is_set():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ")[1]
                busy.add(writer)
                await asyncio.sleep(0.005)
                if path.endswith("/long"):
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n")
                    for _ in range(30):
                        await asyncio.sleep(0.1)
                        writer.write(b".")
                        await writer.drain()
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n")
                    await writer.drain()
                busy.discard(writer)
        except (EOFError, OSError):
            pass
        finally:
            busy.discard(writer)
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    server.close()
    while busy:
        await asyncio.sleep(0.01)


asyncio.run(main(int(sys.argv[1])))
