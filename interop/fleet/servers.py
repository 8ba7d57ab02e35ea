#!/usr/bin/env python3
"""A private redis-server and a private rabbitmq-server: own free port, own folder, loopback only.

    with Redis() as redis, RabbitMQ() as rabbitmq:
        print(redis.url, rabbitmq.url)

or around any command, which then finds both addresses in its environment:

    python interop/servers.py --redis --rabbitmq -- swift test

Nothing is shared with a server of the system, and nothing is left behind: processes are stopped by their id and
the folder is removed, also after an exception, SIGINT or SIGTERM. `kill`, `stop`, `start`, `pause` and `resume` are
there for tests of faults; a server that is started again has the same port.
"""
import argparse
import contextlib
import ctypes
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


class ServerError(RuntimeError):
    """A server did not start. The message holds the end of its log."""


# Files that are locked as long as this process lives, one for each port that it uses.
reserved = []


def free_port():
    """A loopback port nobody listens on, below the range the kernel takes ports for clients from, kept until this process
    ends: many runs go on at once, and a server takes its time until it listens.

    (A restarted server needs its old port; out of the client range nobody takes it in between.)
    """
    folder = os.path.join(tempfile.gettempdir(), f"swift-celery-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    for _ in range(200):
        port = random.randrange(20000, 32000)
        lock = open(os.path.join(folder, str(port)), "w")
        with contextlib.closing(socket.socket()) as probe:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                probe.bind(("127.0.0.1", port))
                reserved.append(lock)
                return port
            except OSError:
                lock.close()
    raise ServerError("no free port")


def find(program, *folders):
    path = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(program, path=path)
    if not found:
        raise ServerError(f"{program} is not installed; run interop/setup")
    return found


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Server:
    """What both have in common: a folder, processes in it, and waiting until the port answers."""

    startup_seconds = 60

    def __init__(self, name):
        self.name = name
        self.folder = None
        self.port = free_port()
        self.process = None

    # To be answered by the subclasses.
    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def answers(self):
        raise NotImplementedError

    @property
    def log_path(self):
        return os.path.join(self.folder, "server.log")

    def launch(self):
        """Starts the server, on the port it had before if there was one; `start` then waits until it answers."""
        if self.process is not None:
            return self
        if self.folder is None:
            self.folder = tempfile.mkdtemp(prefix=f"swift-celery-{self.name}-")
        try:
            self.process = self.spawn(self.command(), self.environment())
        except BaseException:
            self.close()
            raise
        return self

    def start(self):
        """Starts the server, if it does not run yet, and waits until it answers."""
        self.launch()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def spawn(self, command, environment):
        # A child dies with the thread that made it, so only the main thread may ask for that.
        in_main = threading.current_thread() is threading.main_thread()
        with open(self.log_path, "ab") as log:
            return subprocess.Popen(
                command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_die_with_parent if in_main else None)

    def _wait(self):
        deadline = time.monotonic() + self.startup_seconds
        while True:
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended with {self.process.returncode}\n{self.log_tail()}")
            try:
                if self.answers():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} does not answer on port {self.port}\n{self.log_tail()}")
            time.sleep(0.02)

    def log_tail(self, size=4000):
        try:
            with open(self.log_path, "rb") as log:
                return log.read()[-size:].decode("utf-8", "replace")
        except OSError:
            return "(no log)"

    def kill(self):
        """Ends the server at once, as a crash would."""
        self._end(signal.SIGKILL, 5)

    def stop(self):
        """Ends the server in order; after 15 seconds by force."""
        self._end(signal.SIGTERM, 15)

    def restart(self):
        self.stop()
        return self.start()

    def pause(self):
        """The server keeps its connections and answers nothing until `resume`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def _end(self, number, patience):
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, number)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def close(self):
        """Ends everything and removes the folder. What was stored is lost, which is why this is quick."""
        self.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class Redis(Server):
    """redis-server without persistence. `persistent=True` writes every command down, so a restart loses nothing."""

    def __init__(self, persistent=False, arguments=()):
        super().__init__("redis")
        self.persistent = persistent
        self.arguments = list(arguments)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_path(self):
        return os.path.join(self.folder, "redis.sock")

    def command(self):
        return [
            find("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder,
            "--unixsocket", self.socket_path, "--save", "", "--daemonize", "no",
            "--appendonly", "yes" if self.persistent else "no", "--appendfsync", "always", *self.arguments]

    def answers(self):
        with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
            probe.sendall(b"PING\r\n")
            reply = probe.recv(64)
            return reply.startswith((b"+PONG", b"-NOAUTH"))


class RabbitMQ(Server):
    """rabbitmq-server with a node name, ports, an epmd and a home folder of its own; durable things outlive a restart.

    `configuration` is text for rabbitmq.conf. `control("list_queues")` is rabbitmqctl (slow: a second or two).
    """

    startup_seconds = 120
    user, password = "guest", "guest"

    def __init__(self, configuration=""):
        super().__init__("rabbitmq")
        self.configuration = configuration
        self.distribution_port = free_port()
        self.epmd_port = free_port()
        self.node = f"swift-celery-{self.port}@localhost"
        self.epmd = None

    @property
    def url(self):
        """The virtual host `/`, as the empty path after the second slash."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}//"

    def launch(self):
        if self.folder is None:
            self.folder = tempfile.mkdtemp(prefix="swift-celery-rabbitmq-")
            self._write_files()
        if self.epmd is None:
            # Ours, in the foreground: the one which Erlang would start by itself survives its node.
            self.epmd = self.spawn(
                [find("epmd"), "-port", str(self.epmd_port), "-address", "127.0.0.1"], dict(os.environ))
        return super().launch()

    def _write_files(self):
        files = {
            "rabbitmq.conf": (
                f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
                "vm_memory_high_watermark.relative = 0.6\n"
                "disk_free_limit.absolute = 10MB\n"
                "log.console.level = warning\n" + self.configuration),
            "enabled_plugins": "[].\n",
            "env.conf": "",
            ".erlang.cookie": "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=24)),
        }
        for name, text in files.items():
            path = os.path.join(self.folder, name)
            with open(path, "w") as file:
                file.write(text)
            os.chmod(path, 0o600)

    def environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return {
            **inherited,
            "HOME": self.folder,
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_CONF_ENV_FILE": os.path.join(self.folder, "env.conf"),
            "RABBITMQ_CONFIG_FILE": os.path.join(self.folder, "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": os.path.join(self.folder, "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": os.path.join(self.folder, "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": os.path.join(self.folder, "data"),
            "RABBITMQ_LOG_BASE": os.path.join(self.folder, "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": os.path.join(self.folder, "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "+S 2:2 +A 8 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the start script turn into the Erlang machine, so that our process id is the server's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def command(self):
        # The script in the sbin folder would change the user and with it the environment.
        return [find("rabbitmq-server", "/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/sbin")]

    def answers(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
            probe.settimeout(5)
            probe.sendall(b"AMQP\x00\x00\x09\x01")
            # Connection.Start: a method frame on channel 0, class 10, method 10.
            return probe.recv(11)[:1] == b"\x01"

    def control(self, *arguments):
        """Runs rabbitmqctl against this node and returns what it printed."""
        command = [find("rabbitmqctl", "/usr/lib/rabbitmq/bin"), "-q", "-n", self.node, *arguments]
        done = subprocess.run(command, env=self.environment(), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise ServerError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def close(self):
        self.kill()
        epmd, self.epmd = self.epmd, None
        if epmd is not None:
            epmd.kill()
            epmd.wait()
        super().close()


@contextlib.contextmanager
def signals_as_exceptions():
    """SIGTERM and SIGHUP end the block like Ctrl-C does, so that the servers inside it are stopped."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(command, environment):
    """Runs the command and returns its status; it is asked to end when we are."""
    child = subprocess.Popen(command, env=environment)
    try:
        return child.wait()
    except BaseException:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        raise


def main():
    parser = argparse.ArgumentParser(description="Runs a command beside private brokers.")
    parser.add_argument("--redis", action="store_true", help="start redis-server; SWIFT_CELERY_TEST_REDIS_URL")
    parser.add_argument("--rabbitmq", action="store_true",
                        help="start rabbitmq-server; SWIFT_CELERY_TEST_RABBITMQ_URL")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("a command is needed after --")
    environment = dict(os.environ)
    with signals_as_exceptions(), contextlib.ExitStack() as stack:
        if options.redis:
            environment["SWIFT_CELERY_TEST_REDIS_URL"] = stack.enter_context(Redis()).url
        if options.rabbitmq:
            environment["SWIFT_CELERY_TEST_RABBITMQ_URL"] = stack.enter_context(RabbitMQ()).url
        status = run(command, environment)
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerError as error:
        sys.exit(f"servers: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
