"""Canvases of the Python client, the twin of client/Canvases.swift.

    python_canvases.py BROKER BACKEND QUEUE TASK BODY
"""
import json
import sys
import time

from celery import Celery, chain, chord


class Canvases:
    """Makes canvases of signatures with a queue."""

    def __init__(self, app, queue, task, body):
        self.app, self.queue = app, queue
        self.task, self.body = task, body

    def call(self, *arguments):
        return self.app.signature(self.task, arguments, queue=self.queue)

    def total(self):
        return self.app.signature(self.body, queue=self.queue)

    def chain(self, size):
        return chain([self.call(1, 1), *(self.call(1) for _ in range(size - 1))], app=self.app)

    def chord(self, size):
        return chord([self.call(number, 1) for number in range(size)], self.total(), app=self.app)

    def chains(self, size):
        return chord(
            [chain(self.call(number, 1), self.call(1), app=self.app) for number in range(size)], self.total(),
            app=self.app)

    def chords(self, depth):
        """A chord whose header has a chord, and so on."""
        inner = self.call(1, 1)
        for _ in range(depth):
            inner = chord([inner, self.call(1, 1)], self.total(), app=self.app)
        return inner


def main(broker, backend, queue, task, body):
    app = Celery("bench", broker=broker, backend=backend)
    canvases = Canvases(app, queue, task, body)
    print("ready", flush=True)
    for line in sys.stdin:
        shape, size, *unheard = line.split()
        size = int(size)
        begin, cpu = time.monotonic(), time.process_time()
        result = getattr(canvases, shape)(size).apply_async()
        sending, sending_cpu = time.monotonic() - begin, time.process_time() - cpu
        print("sent", flush=True)
        if unheard:
            continue
        # With its parents it would ask for the results of the header's tasks, one by one and over and over.
        value = result.get(timeout=600, follow_parents=False)
        expected = size + 1 if shape == "chain" else size * (size + 1) // 2
        if value != expected:
            raise ValueError(f"{value} instead of {expected}")
        print(json.dumps({
            "sending": sending, "seconds": time.monotonic() - begin, "sending cpu": sending_cpu}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
