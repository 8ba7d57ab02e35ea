"""A proxy between a worker and its broker, whose connections can be cut at any moment."""
import asyncio
import socket
import struct
import threading
import time


class Proxy:
    """Listens on a port of its own and forwards to the server's. It runs on a thread of its own.

    `closures` are the times at which a connection ended, whoever ended it; the clock is `time.monotonic`.
    While `is_refusing` is true, new connections are ended at once.
    """

    def __init__(self, port):
        self.server_port = port
        self.closures = []
        self.is_refusing = False
        self.open = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.forward, "127.0.0.1", 0), self.loop).result()
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self.cut()
        self.loop.call_soon_threadsafe(self.listener.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def cut(self, abruptly=True):
        """Ends all connections: with a reset, or in order but in the midst of what is being sent."""
        def end():
            for writers in list(self.open):
                for writer in writers:
                    if abruptly:
                        writer.get_extra_info("socket").setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        writer.transport.abort()
                    else:
                        writer.close()
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (end(), done.set()))
        done.wait(5)

    async def forward(self, reader, writer):
        if self.is_refusing:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, server_writer)
        self.open.add(pair)
        copies = [asyncio.create_task(copy(reader, server_writer)), asyncio.create_task(copy(server_reader, writer))]
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        self.closures.append(time.monotonic())
        self.open.discard(pair)
        for task in copies:
            task.cancel()
        for each in pair:
            each.close()


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
