"""Ids, host name and process id that are made up, so that a second capture differs from the first only where the clock
shows. To be imported before Celery, whose modules keep these functions by name.
"""
import os
import socket
import uuid


def fixed_id(*parts):
    return uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, " ".join(map(str, parts))).bytes, version=4)


class FixedIDs:
    """Stands in for uuid4: the n-th id of a case is always the same."""

    def __init__(self):
        self.begin("start")

    def begin(self, case):
        self.case, self.count = case, 0

    def __call__(self):
        self.count += 1
        return fixed_id(self.case, self.count)


ids = uuid.uuid4 = FixedIDs()
socket.gethostname = lambda: "host"
os.getpid = lambda: 4242
