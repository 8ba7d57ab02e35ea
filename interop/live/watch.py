"""Python's own receiver of events."""
import socket

from fleet.background import Background


class Watch(Background):
    """Gathers events, as `celery events` does, until it is closed."""

    def __init__(self, app):
        self.events = []
        self.connection = app.connection_for_read()
        self.receiver = app.events.Receiver(self.connection, handlers={"*": self.events.append})
        super().__init__(self.run)

    def run(self):
        while not self.ended.is_set():
            try:
                self.receiver.capture(limit=None, timeout=0.2, wakeup=False)
            except socket.timeout:
                pass

    def __exit__(self, *error):
        # Capturing ends by itself only when nothing has come for a second.
        self.receiver.should_stop = True
        super().__exit__(*error)
        self.connection.close()

    def of(self, identifier):
        """The events of a task."""
        return [event for event in self.events if event.get("uuid") == identifier]

    def types_of(self, name):
        """The types of a worker's events, in order."""
        return [event["type"] for event in self.events if event["hostname"].startswith(f"{name}@")]

    def beating(self):
        """The names of the workers that were heard."""
        return {event["hostname"].partition("@")[0] for event in self.events if event["type"] == "worker-heartbeat"}
