"""Compiles the README's programs as they are printed, and runs them.

Every block of Swift with an `import Celery` is a whole program of fewer than 40 lines. It must compile beside this
package; then it is run beside a private Redis, whose address is in REDIS_URL, CELERY_BROKER_URL and
CELERY_RESULT_BACKEND, must end with status 0, must print something, and all that its comments of the form
`// prints TEXT` say. A `CeleryWorkerCommand` does not end by itself: of that one --help is run.
"""
import argparse
import os
import re
import subprocess
import sys

from fleet import junit, servers, workers
from fleet.paths import ROOT

README = os.path.join(ROOT, "README.md")
SCRATCH = os.path.join(ROOT, ".build-readme")
OURS = {"Celery", "CeleryRedis", "CeleryRabbitMQ", "CeleryProtocol", "CeleryTransport", "CeleryTesting", "CeleryCommands"}
OTHERS = {
    "Logging": "swift-log", "ServiceLifecycle": "swift-service-lifecycle", "ArgumentParser": "swift-argument-parser",
}


def programs():
    """(line number, source) of each program in the README."""
    with open(README, encoding="utf-8") as file:
        text = file.read()
    for block in re.finditer(r"^```swift\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if re.search(r"^import Celery", block[1], re.MULTILINE):
            yield text[:block.start(1)].count("\n") + 1, block[1]


def write_package(sources):
    """A package with one executable for each source."""
    own = os.path.basename(ROOT)
    with open(os.path.join(ROOT, "Package.swift")) as manifest:
        urls = re.findall(r'\.package\(url: "[^"]+/([^"/]+?)(?:\.git)?", [^)]+\)', manifest.read())
        manifest.seek(0)
        requirements = dict(zip(urls, re.findall(r'\.package\(url: "[^"]+", [^)]+\)', manifest.read())))
    targets, used = [], set()
    for line, source in sources:
        name = f"Line{line}"
        imports = set(re.findall(r"^(?:@\w+ )?import (\w+)", source, re.MULTILINE))
        products = [f'.product(name: "{module}", package: "{own}")' for module in sorted(imports & OURS)]
        for module in sorted(imports & set(OTHERS)):
            used.add(OTHERS[module])
            products.append(f'.product(name: "{module}", package: "{OTHERS[module]}")')
        folder = os.path.join(SCRATCH, "Sources", name)
        os.makedirs(folder, exist_ok=True)
        write(os.path.join(folder, "App.swift" if "@main" in source else "main.swift"), source)
        targets.append(f'        .executableTarget(name: "{name}", dependencies: [{", ".join(products)}]),')
    dependencies = [f'.package(path: "{ROOT}")', *(requirements[package] for package in sorted(used))]
    write(os.path.join(SCRATCH, "Package.swift"), "\n".join([
        "// swift-tools-version: 6.2", "import PackageDescription", "", "let package = Package(",
        '    name: "readme",', '    platforms: [.macOS("15.4")],', f'    dependencies: [{", ".join(dependencies)}],',
        "    targets: [", *targets, "    ]", ")", ""]))


def write(path, text):
    """Only if it is different, so that nothing is built for nothing."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def remove_old_sources(sources):
    folder = os.path.join(SCRATCH, "Sources")
    wanted = {f"Line{line}" for line, _ in sources}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name not in wanted:
            for file in os.listdir(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name, file))
            os.rmdir(os.path.join(folder, name))


def run(line, source, environment):
    """Runs a program; what is wrong with it, or nothing."""
    arguments = ["--help"] if "CeleryWorkerCommand" in source else []
    program = os.path.join(SCRATCH, ".build", "debug", f"Line{line}")
    try:
        done = subprocess.run([program, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    except subprocess.TimeoutExpired as late:
        return f"did not end within 60 s and printed {late.stdout!r}, {late.stderr!r}"
    if done.returncode != 0:
        return f"status {done.returncode}: {done.stdout}{done.stderr}"
    if not done.stdout.strip() or len(source.splitlines()) >= 40:
        return "printed nothing, or is too long"
    for expected in re.findall(r"// prints (.+)$", source, re.MULTILINE) if not arguments else []:
        if expected.strip() not in done.stdout.splitlines():
            return f"printed {done.stdout!r}, not {expected!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description="Runs the README's programs.")
    parser.add_argument("--junit-xml", metavar="FILE")
    report = junit.Report("readme", parser.parse_args().junit_xml)
    if not os.path.exists(README) or not (sources := list(programs())):
        report.case("README.md", "holds no program")
        return report.write()
    remove_old_sources(sources)
    write_package(sources)
    built = subprocess.run(["swift", "build", "--package-path", SCRATCH], stdin=subprocess.DEVNULL)
    if built.returncode != 0:
        report.case("README.md", "its programs do not compile")
        return report.write()
    with servers.signals_as_exceptions(), servers.Redis() as redis:
        environment = {**os.environ, "REDIS_URL": redis.url, **workers.addresses(redis.url, redis.url)}
        for line, source in sources:
            length = len(source.splitlines())
            report.case(f"README.md, the program of {length} lines in line {line}", run(line, source, environment))
    return report.write()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except servers.ServerError as error:
        sys.exit(f"readme: {error}")
