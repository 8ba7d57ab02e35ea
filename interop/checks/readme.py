"""Makes a package from the README's text alone, as a reader would, and runs it; with it the code of the articles.

A block of Swift is the file that the text before it names. The package is built with upcoming features off and on, and a
warning in it is a failure; its tests run; then, on each broker, the worker of the README's shell block runs, and the
Python block, the client and the shell call must print what their comments of the form `# prints TEXT` say. `articles.py` says
what becomes of the articles' blocks.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

from checks import articles
from checks.articles import PACKAGE, SCRATCH, Problem, ReadersWorker, expect, output
from fleet import junit, program, servers, workers
from fleet.paths import ROOT

README = os.path.join(ROOT, "README.md")
FEATURES = """
for target in package.targets {
    target.swiftSettings = [
        "ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility", "NonisolatedNonsendingByDefault",
        "InferIsolatedConformances",
    ].map { .enableUpcomingFeature($0) }
}
"""


def write(path, text):
    """Only if it is different, so that nothing is built for nothing."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_package(files):
    for folder in ("Sources", "Tests"):
        shutil.rmtree(os.path.join(PACKAGE, folder), ignore_errors=True)
    for path, text in files.items():
        write(os.path.join(PACKAGE, path), text)
    # The README's package has this repository beside it, by its usual name.
    beside = os.path.join(SCRATCH, "swift-celery")
    if not os.path.islink(beside):
        os.symlink(ROOT, beside)


def swift(*arguments):
    """Runs the package manager on the reader's package; its output, if it ends well and without a warning of ours."""
    done = subprocess.run(["swift", *arguments, "--package-path", PACKAGE], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, flush=True)
    if done.returncode != 0:
        raise Problem(f"swift {arguments[0]} ended with {done.returncode}: {done.stdout[-3000:]}")
    if warnings := re.findall(r"^.*/images/.*warning: .*$", done.stdout, re.MULTILINE):
        raise Problem("\n".join(dict.fromkeys(warnings)))


def check_builds(files):
    write_package({**files, "Package.swift": files["Package.swift"] + FEATURES})
    swift("build", "--build-tests")
    # What runs afterwards is the package as it is printed: without them the same words may stand for other types.
    write(os.path.join(PACKAGE, "Package.swift"), files["Package.swift"])
    swift("build", "--build-tests")


def arguments_of(block, broker, backend):
    """The words of a shell block, with the addresses of servers of ours and without a further build."""
    words = shlex.split(block)
    words = [{"-b": broker, "--result-backend": backend}.get(before, word) for before, word in zip(["", *words], words)]
    if words[:2] != ["swift", "run"]:
        raise Problem(f"{block!r} is not known to this test")
    if "--package-path" not in words:
        words[2:2] = ["--package-path", PACKAGE]
    return ["swift", "run", "--skip-build", *words[2:]]


def check_broker(broker, backend, code):
    """Runs the worker of the shell block, and calls it from Python, from the client and from the shell."""
    [worker_block, call_block, capture_block, replay_block], [python], client = (
        code["sh"], code["python"], code["client"])
    worker = ReadersWorker(arguments_of(worker_block, broker, backend), {}, "readme")
    with worker, workers.PythonWorker(broker, backend, ["python"], arguments=("--pool", "solo")) as peer:
        worker.wait_until_ready()
        peer.wait_until_ready()
        python = python.replace('broker="redis://localhost"', f"broker={broker!r}")
        python = python.replace('backend="redis://localhost"', f"backend={backend!r}")
        expect(output([sys.executable, "-c", python]), python)
        expect(output(["swift", "run", "--skip-build", "images-client", broker]), client)
        [shown] = output(arguments_of(call_block, broker, backend))
        if shown != '"320/a.png"':
            raise Problem(f"the shell's call printed {shown!r}")
    # What waits while no worker runs is captured, and the worker's handlers run on it.
    output([word for word in arguments_of(call_block, broker, backend) if word != "--wait"])
    captured = os.path.join(PACKAGE, "orders.json")
    if os.path.exists(captured):
        os.remove(captured)
    output(arguments_of(capture_block, broker, backend))
    [shown] = output(arguments_of(replay_block, broker, backend))
    if not re.fullmatch(r"images\.resize\[\S+\] succeeded: '320/a\.png'", shown):
        raise Problem(f"the replay printed {shown!r}")


def main():
    parser = argparse.ArgumentParser(description="Runs the README's package.")
    parser.add_argument("--junit-xml", metavar="FILE")
    report = junit.Report("readme", parser.parse_args().junit_xml)
    files, code = {}, {"sh": [], "python": []}
    for language, path, text in articles.blocks(README):
        if language == "swift":
            if path is None or path in files:
                report.case("README.md", f"a block of Swift stands for no file of its own: {text[:60]!r}")
                return report.write()
            files[path] = text
        else:
            code.setdefault(language, []).append(text)

    def case(name, check, *arguments):
        begin = time.monotonic()
        try:
            check(*arguments)
        except (Problem, workers.WorkerError, ValueError, KeyError) as problem:
            return report.case(name, str(problem) or repr(problem))
        print(f"readme: {name}: {time.monotonic() - begin:.1f} s", flush=True)
        return report.case(name, None)

    pages = articles.read()
    for page in pages:
        files.update(page.files)
    files["Package.swift"] += articles.MANIFEST
    files["Sources/articles/main.swift"] = articles.main_file(pages)
    case("the package compiles without a warning, upcoming features off and on", check_builds, files)
    case("its tests pass", swift, "test", "--skip-build", "--disable-xctest")
    code["client"] = files["Sources/images-client/main.swift"]
    with servers.signals_as_exceptions():
        with servers.Redis() as redis:
            case("Python, the client and the shell call the worker on Redis", check_broker, redis.url, redis.url, code)
            articles.run(pages, redis.url, case)
        with servers.RabbitMQ() as rabbitmq:
            case("Python, the client and the shell call the worker on RabbitMQ", check_broker, rabbitmq.url, "rpc://", code)
    return report.write()


if __name__ == "__main__":
    program.run("readme", main, servers.ServerError)
