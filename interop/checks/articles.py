"""The code of the articles, in the package of the README.

A block of Swift before which a file of the package's tests is named is that file. All others of an article are, in their
order, one function, which has a `client` at hand; `@main` is left out, and `import` lines stand where they must. Blocks of
Python and JSON before which a file is named are written there. Then an article is run from top to bottom on Redis, with a
Python worker beside: a line that starts a worker starts it instead of the one before; other shell lines and Python run, and
in the end the function. All must print what their comments of the form `# prints TEXT` say, and nothing else.
"""
import contextlib
import glob
import json
import os
import re
import subprocess
import sys

from fleet import workers
from fleet.paths import ROOT

CATALOGUE = os.path.join(ROOT, "Sources", "Celery", "Celery.docc")
SCRATCH = os.path.join(ROOT, ".build-readme")
PACKAGE = os.path.join(SCRATCH, "images")
MANIFEST = """
package.dependencies += [
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
]
package.targets.append(
    .executableTarget(
        name: "articles",
        dependencies: [
            "Images",
            .product(name: "CeleryCommands", package: "swift-celery"),
            .product(name: "CeleryMetrics", package: "swift-celery"),
            .product(name: "CeleryRabbitMQ", package: "swift-celery"),
            .product(name: "CeleryRedis", package: "swift-celery"),
            .product(name: "CelerySettings", package: "swift-celery"),
            .product(name: "CeleryTesting", package: "swift-celery"),
            .product(name: "CeleryTracing", package: "swift-celery"),
            .product(name: "Configuration", package: "swift-configuration"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ]))
"""
# Languages whose blocks are shown and not run: there is neither a systemd nor a container here.
SHOWN = {"ini", "dockerfile"}
STARTS_WORKER = re.compile(r"^((?:\w+=(?:'[^']*'|\S*) )*)(images-worker .*)$", re.MULTILINE)
DEFAULT_WORKER = "images-worker -Q images -b redis://localhost --result-backend redis://localhost\n"


class ReadersWorker(workers.Worker):
    """The worker program of the reader's package."""

    ready = workers.SwiftWorker.ready


class Problem(Exception):
    """What is printed does not do what it says."""


def blocks(path):
    """(language, the file that the text before it names or None, text) of each block of code."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for block in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        before = text[:block.start()].rstrip().rpartition("\n\n")[2]
        named = re.findall(r"`([\w./-]+\.(?:swift|py|json))`", before)
        yield block[1], named[-1] if named else None, block[2]


def output(command, **options):
    """What it prints, line by line."""
    try:
        done = subprocess.run(command, cwd=PACKAGE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, **options)
    except subprocess.TimeoutExpired as late:
        raise Problem(f"{command[:4]} did not end within 60 s: {late.stdout!r} {late.stderr!r}") from None
    if done.returncode != 0:
        raise Problem(f"{command[:4]}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.split("\n")[:-1]


def expect(printed, source, *, least=1):
    """Compares it with what the comments say."""
    expected = re.findall(r"(?:#|//) prints (.+)$", source, re.MULTILINE)
    if len(expected) < least or printed != expected:
        raise Problem(f"printed {printed!r}, not {expected!r}")


class Article:
    """One article: its files, its function, and what it runs."""

    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".md")
        self.files, self.data, self.steps = {}, {}, []
        imports, body = {"import Celery": None, "import Images": None}, []
        for language, named, text in blocks(path):
            if language == "swift" and named and named.startswith("Tests/"):
                self.files[named] = text
            elif language == "swift":
                lines = text.splitlines()
                imports.update(dict.fromkeys(line for line in lines if line.startswith("import ")))
                body += [line.removeprefix("@main ") for line in lines if not line.startswith("import ")]
            elif language in ("python", "json") and named:
                if language == "json":
                    json.loads(text)
                self.data[named] = text
            elif language in ("sh", "python"):
                self.steps.append((language, text))
            elif language not in SHOWN:
                raise Problem(f"{self.name}: nobody knows how to run {language}")
        self.body = "\n".join(body)
        self.function = self.name[0].lower() + self.name[1:] if body else None
        if body:
            source = "\n".join(["    " + line if line else "" for line in body])
            self.files[f"Sources/articles/{self.name}.swift"] = (
                "\n".join(imports) + f"\n\nfunc {self.function}(_ client: CeleryClient) async throws {{\n"
                + at_server(source) + "\n}\n")

    def run(self, broker):
        """From top to bottom. Without a line that starts a worker there is one on the queue `images`."""
        tools = [os.path.join(ROOT, ".build", "debug"), os.path.join(PACKAGE, ".build", "debug"),
                 os.path.dirname(sys.executable), os.environ["PATH"]]
        environment = {**os.environ, "PATH": os.pathsep.join(tools)}
        for name, text in self.data.items():
            with open(os.path.join(PACKAGE, name), "w", encoding="utf-8") as file:
                file.write(text)
        starts = any(language == "sh" and STARTS_WORKER.search(text) for language, text in self.steps)
        steps = [*([] if starts else [("sh", DEFAULT_WORKER)]), *self.steps]
        with contextlib.ExitStack() as stack:
            worker = None
            for language, text in steps:
                # With another user than ours where the article names one.
                text = re.sub(r"redis://(?:(\w+:\w+)@)?localhost", lambda found: address(broker, found[1]), text)
                if language == "python":
                    expect(output([sys.executable, "-c", text], env=environment), text, least=0)
                elif STARTS_WORKER.search(text):
                    if worker:
                        self.stop(worker)
                    command = "cd " + PACKAGE + "\n" + STARTS_WORKER.sub(r"\1exec \2", text)
                    worker = stack.enter_context(ReadersWorker(["bash", "-euc", command], environment, self.name))
                    worker.wait_until_ready()
                else:
                    printed = output(["bash", "-euc", text], env=environment)
                    expect(printed, text, least=0)
            if self.function:
                expect(output([os.path.join(PACKAGE, ".build", "debug", "articles"), self.name, broker]), self.body, least=0)
            self.stop(worker)

    def stop(self, worker):
        if status := worker.stop(30):
            raise Problem(f"the worker ended with {status}: {worker.log()[-2000:]}")


def address(broker, user):
    return re.sub(r"//(?:[^@/]*@)?", f"//{user}@", broker) if user else broker


def at_server(source):
    """With the address of a server of ours."""
    return source.replace('"redis://localhost"', "CommandLine.arguments[2]")


def read():
    """The articles of the catalogue."""
    paths = sorted(glob.glob(os.path.join(CATALOGUE, "*.md")))
    return [Article(path) for path in paths if os.path.basename(path) != "Celery.md"]


def main_file(pages):
    """Runs the function of one article."""
    cases = "\n".join(f'case "{page.name}": try await {page.function}(client)' for page in pages if page.function)
    return f"""import Celery
import CeleryRedis

let url = CommandLine.arguments[2]
let client = try CeleryClient(
    broker: .redis(url), backend: .redis(url),
    routing: Routing(routes: [.init("images.*", to: "images"), .init("python.*", to: "python")]))
switch CommandLine.arguments[1] {{
{cases}
default: fatalError()
}}
await client.close()
"""


def run(pages, broker, case):
    """Each as a case of its own."""
    with workers.PythonWorker(broker, broker, ["python"], arguments=("--pool", "solo")) as python:
        python.wait_until_ready()
        for page in pages:
            if page.function or page.steps:
                case(f"the article {page.name} does what it says", page.run, broker)
