"""Celery's integration suite as it is released: the folder `t` of its source distribution on PyPI."""
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version

from fleet.paths import ROOT


class SourceError(RuntimeError):
    """The source distribution is not to be had, or is not what it should be."""


def unpacked():
    """The folder that holds `t/` of the Celery that is installed here; downloaded the first time.

    Nothing else is unpacked: with `celery/` beside it, its Celery would be imported and not the installed one.
    """
    name = f"celery-{version('celery')}"
    folder = os.path.join(ROOT, ".build-conformance", name)
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as scratch:
            unpack(download(scratch, name), name, scratch)
            # As a whole or not at all: another run may do the same at the same time.
            try:
                os.rename(os.path.join(scratch, name), folder)
            except OSError:
                if not os.path.isdir(folder):
                    raise
    return folder


def download(folder, name):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", "celery",
         "--dest", folder, name.replace("-", "==")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    path = os.path.join(folder, f"{name}.tar.gz")
    if done.returncode or not os.path.exists(path):
        raise SourceError(f"the source of {name} cannot be downloaded\n{done.stdout}")
    return path


def unpack(path, name, folder):
    wanted = ("t/integration/", "t/__init__.py", "t/canvas_helpers.py", "t/skip.py", "pyproject.toml")
    with tarfile.open(path) as archive:
        members = [each for each in archive.getmembers()
                   if each.isfile() and each.name.removeprefix(f"{name}/").startswith(wanted)]
        archive.extractall(folder, members, filter="data")
    if not os.path.exists(os.path.join(folder, name, "t", "integration", "tasks.py")):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        raise SourceError(f"the source of {name} holds no integration tests")
