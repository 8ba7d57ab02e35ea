"""What runs on a thread of its own while something else is done."""
import threading


class Background:
    """Calls `run` on a thread while it is entered. `run` ends when `ended` is set, and is waited for."""

    def __init__(self, run):
        self.ended = threading.Event()
        self.thread = threading.Thread(target=run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
