"""What py-amqp would not write: any value in a header table, any bytes in a property. Writes `Basic.Publish` frames."""
import math
import struct

PROPERTIES = [
    "content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration",
    "message_id", "timestamp", "type"]
# One integer of each size that AMQP has, so that all of them are met.
LETTERS = {0: ("s", ">h"), -1: ("b", ">b"), 7: ("B", ">B"), 2**31: ("i", ">I"), 2**63: ("T", ">Q")}


def short_string(text):
    data = as_bytes(text)[:255]
    return bytes([len(data)]) + data


def as_bytes(value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else str(value)).encode("utf-8", "surrogatepass")


def long_string(data):
    return struct.pack(">I", len(data)) + data


def field(value):
    """A letter for the type and the value."""
    if value is None:
        return b"V"
    if isinstance(value, bool):
        return b"t" + bytes([value])
    if isinstance(value, int):
        if value in LETTERS:
            letter, layout = LETTERS[value]
            return letter.encode() + struct.pack(layout, value)
        if -(2**31) <= value < 2**31:
            return b"I" + struct.pack(">i", value)
        if -(2**63) <= value < 2**63:
            return b"l" + struct.pack(">q", value)
        # A decimal with the largest scale.
        return b"D" + struct.pack(">BI", 255, abs(value) & 0xFFFFFFFF)
    # RabbitMQ closes the connection of who sends it NaN.
    if isinstance(value, float) and math.isfinite(value):
        return b"d" + struct.pack(">d", value)
    if isinstance(value, list):
        return b"A" + long_string(b"".join(map(field, value)))
    if isinstance(value, dict):
        return b"F" + table(value)
    if isinstance(value, str) and "\ud800" <= value[:1] <= "\udfff":
        return b"x" + long_string(as_bytes(value))
    return b"S" + long_string(as_bytes(value))


def table(fields):
    return long_string(b"".join(short_string(key) + field(value) for key, value in fields.items()))


def header_frame_payload(size, properties, headers):
    flags, data = 0, b""
    for number, name in enumerate(PROPERTIES):
        value = headers if name == "headers" else properties.get(name)
        if value is None:
            continue
        flags |= 1 << (15 - number)
        if name == "headers":
            data += table(value)
        elif name == "priority":
            data += bytes([value & 0xFF if isinstance(value, int) else 5])
        elif name == "delivery_mode":
            # RabbitMQ accepts no others.
            data += b"\1" if value == 1 else b"\2"
        elif name == "timestamp":
            data += struct.pack(">Q", 0)
        else:
            data += short_string(value)
    return struct.pack(">HHQH", 60, 0, size, flags) + data


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def publish(channel, queue, properties, headers, body, frame_max):
    """The frames of a message to a queue, through the default exchange. `None` if its headers do not fit a frame."""
    head = header_frame_payload(len(body), properties, headers)
    size = frame_max - 8
    if len(head) > size:
        return None
    method = struct.pack(">HHH", 60, 40, 0) + short_string("") + short_string(queue) + b"\0"
    frames = frame(1, channel, method) + frame(2, channel, head)
    return frames + b"".join(frame(3, channel, body[at:at + size]) for at in range(0, len(body), size))
