"""The rows of `interop/demo`: each is one call over a real broker, timed from the call to its result."""
import argparse
import contextlib
import json
import os
import subprocess
import time

from fleet import program, servers, workers

COLUMNS = "{:<9} {:<16} {:<34} {:<37} {:>10}  {}"


class Calls:
    """Calls in both directions over one broker. `calls(direction, name, ...)` returns what came back.

    What a call gives is a JSON value, or the name and the message of the exception as text.
    """

    def __init__(self, kind, broker, backend):
        from celery import Celery
        self.kind, self.broker, self.backend = kind, broker, backend
        self.app = Celery("demo", broker=broker, backend=backend)
        self.app.conf.update(task_routes={"swift.*": {"queue": "swift"}, "python.*": {"queue": "python"}})

    def from_python(self, name, args=(), kwargs=None, countdown=None):
        result = self.app.send_task(name, args, kwargs, countdown=countdown)
        try:
            return result.get(timeout=20)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def from_swift(self, name, args=(), kwargs=None, countdown=None):
        arguments = ["call", name, "--queue", name.split(".")[0], "--args", json.dumps(args), "--wait",
                     "--timeout", "20"]
        if kwargs:
            arguments += ["--kwargs", json.dumps(kwargs)]
        if countdown:
            arguments += ["--countdown", str(countdown)]
        status, output, errors = self.celery_swift(*arguments)
        if status == 0:
            return json.loads(output)
        return errors.splitlines()[-1].removeprefix("Error: ") if errors else f"status {status}"

    def celery_swift(self, *arguments):
        """Runs the tool; its status and what it printed to both outputs."""
        done = subprocess.run(
            [workers.swift_binary(), *arguments], env={**os.environ, **workers.addresses(self.broker, self.backend)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=40)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def python_reads_swift_call(self):
        """Swift sends a task to Python and does not wait; Python reads the result by the task's id."""
        status, output, errors = self.celery_swift(
            "call", "python.add", "--queue", "python", "--args", "[20, 22]")
        return self.app.AsyncResult(output).get(timeout=20) if status == 0 else errors

    def swift_reads_python_call(self):
        """Python sends a task to Swift and does not wait; `celery-swift result` reads it by the task's id."""
        task = self.app.send_task("swift.add", (20, 22))
        status, output, errors = self.celery_swift("result", task.id, "--timeout", "20")
        return json.loads(output) if status == 0 else errors

    def close(self):
        self.app.close()


class Table:
    """Prints rows as they come and counts those that did not hold."""

    def __init__(self):
        self.rows = 0
        self.failed = 0
        print("\n" + COLUMNS.format("broker", "from -> to", "call", "result", "round trip", ""))

    def row(self, calls, way, text, call, expected, at_least=0.0):
        begin = time.monotonic()
        try:
            outcome = call()
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - begin
        held = outcome == expected and seconds >= at_least
        self.rows += 1
        self.failed += not held
        shown = json.dumps(outcome, ensure_ascii=False) if not isinstance(outcome, str) else outcome
        line = COLUMNS.format(calls.kind, way, text, shown, f"{seconds * 1000:.1f} ms", "ok" if held else "WRONG")
        print(line if held else f"{line}\n          expected {expected!r}, not before {at_least} s", flush=True)


def show(table, calls):
    for way, to, call in (("Python -> Swift", "swift", calls.from_python), ("Swift -> Python", "python", calls.from_swift)):
        default = 5 if to == "swift" else 15
        # Each in its own words.
        failure = "ValueError: no luck" if to == "swift" else "ValueError('no luck')"
        add = f"{to}.add"
        table.row(calls, way, f"{add}(2, 3)", lambda: call(add, (2, 3)), 5)
        table.row(calls, way, f"{add}(x=2, y=3)", lambda: call(add, (), {"x": 2, "y": 3}), 5)
        table.row(calls, way, f"{add}(5), y has a default", lambda: call(add, (5,)), default)
        table.row(calls, way, f'{to}.echo(1.0, k="ö")',
                  lambda: call(f"{to}.echo", (1.0,), {"k": "ö"}),
                  {"args": [1.0], "kwargs": {"k": "ö"}})
        table.row(calls, way, f'{to}.fail("no luck")', lambda: call(f"{to}.fail", ("no luck",)), failure)
        table.row(calls, way, f"{to}.flaky(3), retries twice", lambda: call(f"{to}.flaky", (3,)), 3)
        table.row(calls, way, f"{add}(4, 4) in 1 s", lambda: call(add, (4, 4), None, 1), 8, at_least=1.0)
    if calls.backend != "rpc://":
        table.row(calls, "Swift -> Python", "python.add(20, 22), Python reads", calls.python_reads_swift_call, 42)
        table.row(calls, "Python -> Swift", "swift.add(20, 22), Swift reads", calls.swift_reads_python_call, 42)


def main():
    parser = argparse.ArgumentParser(
        prog="interop/demo", description="Python and Swift call each other over both brokers.")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], help="only this one")
    kinds = ["redis", "rabbitmq"]
    if (only := parser.parse_args().broker) is not None:
        kinds = [only]
    swift = workers.swift_binary()
    begin = time.monotonic()

    def say(text):
        print(f"demo: {text}", flush=True)

    with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
        say(f"starting {' and '.join(servers.find(kind + '-server') for kind in kinds)}")
        running = {kind: stack.enter_context(contextlib.closing(server)).launch() for kind, server in
                   ((kind, {"redis": servers.Redis, "rabbitmq": servers.RabbitMQ}[kind]()) for kind in kinds)}
        addresses = {}
        started = []
        for kind, server in running.items():
            server.start()
            addresses[kind] = (server.url, server.url if kind == "redis" else "rpc://")
            say(f"{kind}: {server.url}; a worker each of celery (python) and {os.path.basename(swift)}")
            started += [
                stack.enter_context(workers.PythonWorker(*addresses[kind], ["python"], name=f"python-{kind}")),
                stack.enter_context(workers.SwiftWorker(*addresses[kind], ["swift"], name=f"swift-{kind}"))]
        for worker in started:
            worker.wait_until_ready()
        say(f"all ready after {time.monotonic() - begin:.1f} s")

        table = Table()
        for kind in kinds:
            with contextlib.closing(Calls(kind, *addresses[kind])) as calls:
                show(table, calls)
        print("\nEach row is one call, timed until its result was there. The first of a broker also connects; those"
              " from Swift hold the start of a celery-swift process.")
        if "redis" in kinds:
            print("redis: results are kept in Redis, so either side reads them by the task's id.")
        if "rabbitmq" in kinds:
            print("rabbitmq: results come back over rpc://, to the process that called.")
        for worker in started:
            status = worker.stop()
            if status != 0:
                table.failed += 1
                print(f"{worker.name} ended with status {status} after SIGTERM\n{worker.log()[-2000:]}")
    outcome = "all as expected" if not table.failed else f"{table.failed} NOT AS EXPECTED"
    print(f"\ndemo: {table.rows} rows, {outcome}, {time.monotonic() - begin:.1f} s")
    return 1 if table.failed else 0


if __name__ == "__main__":
    program.run("demo", main, servers.ServerError, workers.WorkerError)
