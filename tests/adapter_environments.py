"""Runs the adapters' tests in environments of their own: libraries whose pins collide with others, or newest releases.

    python tests/adapter_environments.py            libraries that need one of their own: `make test-adapters`
    python tests/adapter_environments.py --newest   the newest release of each library: `make adapters-newest`
    python tests/adapter_environments.py --oldest   the oldest one that an extra accepts: `make adapters-oldest`

Names after these choose some of them. The environments are kept in .venv-adapters, and the last lines say which release
of each library the tests ran with.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv-adapters"
TOOLS = ("pytest>=9", "pytest-timeout>=2.3", "hypothesis>=6.100", "requests>=2.31")
PYTHONS = ("python3.12", "python3.13", "python3.11")


class Environment(NamedTuple):
    """A library, and the tests of its adapter.

    Attributes:
        package: The library's name as it is installed.
        tests: The names of the test files, without `test_` and `.py`.
        panels: The name of its test in test_panels.py, without `test_`; empty where one of the files has it.
        alone: Whether it does not install together with the other libraries.
        also: What its older releases need and do not name.
    """

    package: str
    tests: tuple[str, ...]
    panels: str = ""
    alone: bool = False
    also: tuple[str, ...] = ()


ENVIRONMENTS = (
    Environment("alpaca-py", ("alpaca",), "alpaca", also=("pytz",)),
    Environment("backtrader", ("backtrader",), "backtrader"),
    Environment("python-binance", ("binance", "binance_markets"), "binance"),
    Environment("ccxt", ("ccxt", "ccxt_venues"), "ccxt"),
    Environment("simplefix", ("fix",)),
    Environment("freqtrade", ("freqtrade",), alone=True),
    Environment("hyperliquid-python-sdk", ("hyperliquid", "hyperliquid_streams"), "hyperliquid"),
    Environment("ib_async", ("ib",), "interactive_brokers"),
    Environment("ib_insync", ("ib_insync",), alone=True),
    Environment("kiteconnect", ("kite",), "kite"),
    Environment("nautilus_trader", ("nautilus",), "nautilus", alone=True),
    Environment("py-clob-client", ("polymarket",), "polymarket"),
    Environment("py-clob-client-v2", ("polymarket_v2",), alone=True),
    Environment("pybit", ("pybit", "pybit_streams"), "pybit"),
)


def python() -> str:
    """The interpreter for the environments: the newest engines want Python 3.12."""
    for name in (os.environ.get("ADAPTERS_PYTHON", ""), *PYTHONS):
        found = subprocess.run([name, "-c", ""], check=False, capture_output=True) if _exists(name) else None
        if found is not None and found.returncode == 0:
            return name
    return sys.executable


def _exists(name: str) -> bool:
    folders = [*os.environ["PATH"].split(os.pathsep), "/"]
    return bool(name) and any((Path(folder) / name).exists() for folder in folders)


def oldest(package: str) -> str | None:
    """The requirement of the oldest release of a library that an extra accepts; None where no extra has a bound."""
    bound = re.search(rf"^\s+{re.escape(package)}>=([\d.]+)", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    return None if bound is None else f"{package}=={bound[1]}.*"


def prepare(environment: Environment, requirement: str) -> Path:
    """Make an environment, or bring it up to date: a release of the library, and this package.

    Returns:
        Its interpreter.
    """
    folder = FOLDER / requirement.removesuffix(".*")
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([python(), "-m", "venv", str(folder)], check=True)
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if shutil.which("uv"):  # the same, and quicker
        pip = ["uv", "pip", "install", "--quiet", "--python", str(interpreter)]
    also = () if requirement == environment.package else environment.also
    subprocess.run([*pip, "--upgrade", requirement, *also, *TOOLS], check=True)
    subprocess.run([*pip, "--force-reinstall", "--no-deps", str(ROOT)], check=True)
    subprocess.run([*pip, str(ROOT)], check=True)
    return interpreter


def run(environment: Environment, requirement: str) -> tuple[str, bool]:
    """Run the tests of one library.

    Returns:
        The release, and whether its tests passed.
    """
    interpreter = prepare(environment, requirement)
    folder = ROOT / "tests" / "integrations"
    files = [str(folder / f"test_{name}.py") for name in (*environment.tests, "kit")]
    if environment.panels:
        files.append(f"{folder / 'test_panels.py'}::test_{environment.panels}")
    # From a folder of its own, so that the package is the installed one.
    settings = {**os.environ, "TRADMETRICS_REQUIRE_INTEGRATIONS": "1"}
    settings.pop("PYTHONPATH", None)
    command = [str(interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    passed = subprocess.run(command, check=False, cwd=ROOT, env=settings).returncode == 0
    show = f"from importlib import metadata; print(metadata.version({environment.package!r}))"
    version = subprocess.run([str(interpreter), "-c", show], check=True, capture_output=True, text=True).stdout.strip()
    return version, passed


def main() -> int:
    """Run the chosen ones; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="packages; by default all")
    parser.add_argument("--newest", action="store_true", help="the newest release of every library")
    parser.add_argument("--oldest", action="store_true", help="the oldest release that an extra accepts")
    chosen = parser.parse_args()
    every = chosen.newest or chosen.oldest
    wanted = [each for each in ENVIRONMENTS if (each.package in chosen.names if chosen.names else every or each.alone)]
    requirements = [oldest(each.package) if chosen.oldest else each.package for each in wanted]
    results = [
        (each.package, *run(each, requirement))
        for each, requirement in zip(wanted, requirements, strict=True)
        if requirement is not None
    ]
    print()
    for package, version, passed in results:
        print(f"{package} {version}: {'passed' if passed else 'FAILED'}")
    return 0 if all(passed for _, _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())
