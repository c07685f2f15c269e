"""Sessions that need several Pythons: `nox --session distribution`."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|venv"  # uv where it is installed; it takes a fifth of the time
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["distribution"]

# The tests that need the package, pytest, hypothesis and numpy, and nothing else.
CORE = Path("tests/core.txt").read_text(encoding="utf-8").split()


@nox.session(python=["3.10", "3.11", "3.12", "3.13", "3.14"])
def distribution(session: nox.Session) -> None:
    """Install the built wheel, with what it requires and nothing else, and run the core tests on it."""
    if not list(Path("dist").glob("*.whl")):
        session.install("build")
        session.run("python", "-m", "build", silent=True)
    (wheel,) = map(str, Path("dist").glob("*.whl"))
    session.install(wheel)
    check = ["uv", "pip", "check"] if session.venv_backend == "uv" else ["python", "-m", "pip", "check"]
    session.run(*check, silent=True, external=True)
    outside = Path(session.create_tmp())
    shutil.copy(".ci/smoke.py", outside)
    with session.chdir(outside):
        session.run("python", "-W", "error", "smoke.py")
    session.install("hypothesis", "numpy", "pytest", "pytest-timeout", "pytest-xdist", "tzdata")
    options = ["--quiet", "--numprocesses", "auto", "--dist", "loadfile", "--hypothesis-profile", "few"]
    session.run("pytest", *options, *(session.posargs or CORE))


@nox.session(python=False)
def sdist(session: nox.Session) -> None:
    """Install the source distribution in an environment of its own, and try it."""
    (archive,) = map(str, Path("dist").glob("*.tar.gz"))
    outside = Path(session.create_tmp()).resolve()
    session.run("python3", "-m", "venv", "--clear", str(outside / "environment"))
    python = str(outside / "environment" / "bin" / "python")
    session.run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", archive)
    shutil.copy(".ci/smoke.py", outside)
    with session.chdir(outside):
        session.run(python, "-W", "error", "smoke.py")
