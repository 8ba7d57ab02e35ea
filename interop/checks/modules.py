"""The modules that `swift build` has made, for tools that read them."""
import glob
import json
import os
import subprocess

from fleet.paths import ROOT

BUILT = os.path.join(ROOT, ".build", "debug")


def arguments():
    """Where the modules are, and the C modules that they are made of."""
    maps = [*glob.glob(os.path.join(ROOT, "Sources", "*", "module.modulemap")),
            *glob.glob(os.path.join(BUILT, "*.build", "module.modulemap")),
            *glob.glob(os.path.join(ROOT, ".build", "checkouts", "*", "Sources", "C*", "include", "module.modulemap"))]
    named = [word for path in sorted(maps) for word in ("-Xcc", f"-fmodule-map-file={path}")]
    return ["-I", os.path.join(BUILT, "Modules"), *named]


def public_symbols(module, folder):
    """Extracts what the module has that is public; files of JSON are in the folder then."""
    target = subprocess.run(["swift", "-print-target-info"], stdout=subprocess.PIPE, text=True, check=True)
    triple = json.loads(target.stdout)["target"]["unversionedTriple"]
    done = subprocess.run(
        ["swift", "symbolgraph-extract", "-module-name", module, "-target", triple, "-minimum-access-level", "public",
         "-skip-synthesized-members", "-output-dir", folder, *arguments()],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
