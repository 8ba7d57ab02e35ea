"""Makes the documentation of every library that the package offers; a warning of docc is a failure.

The targets are those of `.spi.yml`, which must be those of the package's library products. Whatever the README and the
articles link to within this repository must be there.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import time

import yaml

from fleet import junit, program
from fleet.paths import ROOT

CATALOGUES = os.path.join(ROOT, "Sources", "*", "*.docc", "*.md")


class Problem(Exception):
    """The documentation is not what it should be."""


def check_targets(targets):
    package = json.loads(subprocess.check_output(["swift", "package", "dump-package"], cwd=ROOT))
    offered = {target for product in package["products"] if "library" in product["type"] for target in product["targets"]}
    if offered != set(targets):
        raise Problem(f".spi.yml and the library products differ in {sorted(offered ^ set(targets))}")


def check_documentation(targets):
    """One command for all, with the build folder of the other parts: nothing is built twice."""
    command = ["swift", "package", "generate-documentation", "--warnings-as-errors"]
    command += [f"--target={target}" for target in targets]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    print(done.stdout, flush=True)
    if done.returncode != 0:
        diagnostics = re.findall(r"^error: .*(?:\n *--> .*)?", done.stdout, re.MULTILINE)
        raise Problem("; ".join(diagnostics) or f"status {done.returncode}")


def check_links():
    """Links of the README, and of what is in `.github`, to files."""
    missing = []
    for page in [os.path.join(ROOT, "README.md"), *glob.glob(os.path.join(ROOT, ".github", "*.md"))]:
        with open(page, encoding="utf-8") as file:
            text = re.sub(r"^```.*?^```", "", file.read(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in link and not os.path.exists(os.path.join(os.path.dirname(page), link)):
                missing.append(f"{os.path.relpath(page, ROOT)}: {link}")
    if missing:
        raise Problem("; ".join(missing))


def check_workflows():
    """They can be read, and what they run is there."""
    workflows = glob.glob(os.path.join(ROOT, ".github", "workflows", "*.yml"))
    if not workflows:
        raise Problem("there is none")
    for path in workflows:
        with open(path, encoding="utf-8") as file:
            jobs = yaml.safe_load(file)["jobs"]
        for step in (step for job in jobs.values() for step in job["steps"]):
            command = step.get("run", "").split()
            if command and "/" in command[0] and not os.access(os.path.join(ROOT, command[0]), os.X_OK):
                raise Problem(f"{os.path.basename(path)} runs {command[0]}")


def main():
    parser = argparse.ArgumentParser(description="Makes the documentation.")
    parser.add_argument("--junit-xml", metavar="FILE")
    report = junit.Report("docs", parser.parse_args().junit_xml)
    with open(os.path.join(ROOT, ".spi.yml"), encoding="utf-8") as file:
        [config] = yaml.safe_load(file)["builder"]["configs"]
    targets = config["documentation_targets"]

    def case(name, check, *arguments):
        begin, problem = time.monotonic(), None
        try:
            check(*arguments)
        except (Problem, subprocess.CalledProcessError, yaml.YAMLError, KeyError) as error:
            problem = str(error) or repr(error)
        report.case(name, problem, time.monotonic() - begin)

    case("every library product has documentation", check_targets, targets)
    case("docc has nothing to complain of", check_documentation, targets)
    case("what is linked to is there", check_links)
    case("workflows can be read", check_workflows)
    return report.write()


if __name__ == "__main__":
    program.run("docs", main)
