"""A loopback TCP proxy for AMQP 0-9-1 that keeps every `Basic.Publish` a client sends, byte for byte.

Also the decoder for what is in it. Values of a header table are shown with their type letter, as `["S", "py"]`.
A mistake in the decoder ends the recording, not the connection: `take` raises it.
"""
import base64
import socket
import struct
import threading

PROPERTIES = [
    (15, "content_type", "s"), (14, "content_encoding", "s"), (13, "headers", "F"), (12, "delivery_mode", "o"),
    (11, "priority", "o"), (10, "correlation_id", "s"), (9, "reply_to", "s"), (8, "expiration", "s"),
    (7, "message_id", "s"), (6, "timestamp", "L"), (5, "type", "s"), (4, "user_id", "s"), (3, "app_id", "s"),
    (2, "cluster_id", "s"),
]
NUMBERS = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">q", "f": ">f", "d": ">d"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        assert len(piece) == count
        self.at += count
        return piece

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def short_string(self):
        return self.take(self.number(">B")).decode()

    def long_string(self):
        return self.take(self.number(">I"))

    def table(self):
        inner, fields = Reader(self.long_string()), {}
        while inner.at < len(inner.data):
            name = inner.short_string()
            fields[name] = inner.field()
        return fields

    def field(self):
        """One value as [letter, value]."""
        letter = self.take(1).decode()
        if letter in NUMBERS:
            return [letter, self.number(NUMBERS[letter])]
        if letter == "t":
            return [letter, self.take(1) != b"\0"]
        if letter == "S":
            return [letter, text(self.long_string())]
        if letter == "x":
            return [letter, base64.b64encode(self.long_string()).decode()]
        if letter == "V":
            return [letter, None]
        if letter == "T":
            return [letter, self.number(">Q")]
        if letter == "D":
            return [letter, [self.number(">B"), self.number(">i")]]
        if letter == "F":
            return [letter, self.table()]
        if letter == "A":
            inner, items = Reader(self.long_string()), []
            while inner.at < len(inner.data):
                items.append(inner.field())
            return [letter, items]
        raise ValueError(f"field type {letter!r}")


def text(data):
    """A string of a table. py-amqp writes lone surrogates as they are, which is not UTF-8: such bytes go in base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def plain(field):
    """A field without its letters."""
    letter, value = field
    if letter == "F":
        return {name: plain(item) for name, item in value.items()}
    if letter == "A":
        return [plain(item) for item in value]
    if letter == "S" and isinstance(value, dict):
        return base64.b64decode(value["base64"]).decode("utf-8", "surrogatepass")
    return value


class Publish:
    """One published message: the frames as sent, and what they say."""

    def __init__(self, method):
        self.frames = [method]
        reader = Reader(method[7:-1])
        reader.take(6)
        self.exchange, self.routing_key = reader.short_string(), reader.short_string()
        bits = reader.number(">B")
        self.mandatory, self.immediate = bool(bits & 1), bool(bits & 2)
        self.body, self.size, self.properties, self.headers = b"", None, {}, {}

    def add(self, kind, frame):
        self.frames.append(frame)
        if kind == 3:
            self.body += frame[7:-1]
            return
        reader = Reader(frame[7:-1])
        reader.take(4)
        self.size = reader.number(">Q")
        flags = reader.number(">H")
        for bit, name, form in PROPERTIES:
            if not flags & (1 << bit):
                continue
            if form == "F":
                self.headers = reader.table()
            elif form == "s":
                self.properties[name] = reader.short_string()
            else:
                self.properties[name] = reader.number({"o": ">B", "L": ">Q"}[form])

    @property
    def complete(self):
        return self.size is not None and len(self.body) == self.size


class Recorder:
    """Listens on a free port and passes everything on to the server at `target`."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.published = []
        self.error = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self):
        """What was published since the last call."""
        with self.lock:
            if self.error is not None:
                raise self.error
            taken, self.published = self.published, []
        return taken

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client, server, self._parser()), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, None), daemon=True).start()

    def _pass_on(self, source, sink, parser):
        try:
            while data := source.recv(65536):
                if parser is not None and self.error is None:
                    try:
                        parser(data)
                    except Exception as error:
                        self.error = error
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _parser(self):
        waiting, open_publishes = bytearray(), {}
        skip_preamble = [8]

        def feed(data):
            waiting.extend(data)
            if skip_preamble[0] and len(waiting) >= 8:
                del waiting[:8]
                skip_preamble[0] = 0
            while not skip_preamble[0] and len(waiting) >= 7:
                kind, channel, size = struct.unpack(">BHI", waiting[:7])
                if len(waiting) < size + 8:
                    return
                frame = bytes(waiting[:size + 8])
                del waiting[:size + 8]
                if kind == 1 and frame[7:11] == b"\x00\x3c\x00\x28":
                    open_publishes[channel] = Publish(frame)
                elif kind in (2, 3) and channel in open_publishes:
                    message = open_publishes[channel]
                    message.add(kind, frame)
                    if message.complete:
                        del open_publishes[channel]
                        with self.lock:
                            self.published.append(message)
        return feed
