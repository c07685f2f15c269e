"""Which releases of each trading library the adapters support, as data: `tradmetrics doctor` prints it."""

from __future__ import annotations

import logging
import sys
import warnings
from importlib import metadata
from typing import Final, NamedTuple

from tradmetrics.errors import ConfigurationError

_log: Final = logging.getLogger("tradmetrics")


class Tested(NamedTuple):
    """One library.

    Attributes:
        adapter: The module of the adapter: `tradmetrics.integrations.<adapter>`.
        distribution: The library's name as it is installed.
        module: Its top module.
        first: The first release that works.
        newest: The newest release that the adapter's tests have run with.
    """

    adapter: str
    distribution: str
    module: str
    first: str
    newest: str

    def installed(self) -> str | None:
        """The release that is installed here, or None."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None

    def verdict(self) -> str:
        """Whether the release that is installed here was tested: `tested`, `too old`, `newer` or `not installed`."""
        installed = self.installed()
        if installed is None:
            return "not installed"
        if _numbers(installed) < _numbers(self.first):
            return "too old"
        return "newer" if _numbers(installed) > _numbers(self.newest) else "tested"


TESTED: Final = (
    Tested("alpaca", "alpaca-py", "alpaca", "0.30", "0.44.0"),
    Tested("backtrader", "backtrader", "backtrader", "1.9.77", "1.9.78.123"),
    Tested("binance", "python-binance", "binance", "1.0.23", "1.0.37"),
    Tested("ccxt", "ccxt", "ccxt", "4.4.60", "4.5.90"),
    Tested("freqtrade", "freqtrade", "freqtrade", "2025.8", "2026.9"),
    Tested("hyperliquid", "hyperliquid-python-sdk", "hyperliquid", "0.10", "0.24.0"),
    Tested("ib", "ib_async", "ib_async", "1.0", "2.1.0"),
    Tested("ib", "ib_insync", "ib_insync", "0.9.86", "0.9.86"),
    Tested("kite", "kiteconnect", "kiteconnect", "5.0", "5.2.2"),
    Tested("nautilus", "nautilus_trader", "nautilus_trader", "1.220", "1.231.0"),
    Tested("polymarket", "py-clob-client", "py_clob_client", "0.30", "0.34.6"),
    Tested("polymarket", "py-clob-client-v2", "py_clob_client_v2", "1.0.1", "1.2.1"),
    Tested("pybit", "pybit", "pybit", "5.8", "5.17.0"),
)
"""The libraries, sorted by adapter."""
_warned: Final[set[str]] = set()


def imported(module: str) -> str | None:
    """The version of the module that is imported, which can be a vendored copy, or one from a path that comes first."""
    version = getattr(sys.modules.get(module), "__version__", None)
    return version if isinstance(version, str) else None


def check_version(distribution: str) -> None:
    """Refuse a release that is too old. Warn once about one that is newer than the tested ones, which still works.

    Args:
        distribution: A library of `TESTED`.

    Raises:
        ConfigurationError: When the library is missing, or older than the first supported release.
    """
    tested = next(each for each in TESTED if each.distribution == distribution)
    installed = tested.installed()
    versions = {each for each in (installed, imported(tested.module) or installed) if each is not None}
    if not versions:
        raise ConfigurationError(
            f"{distribution} is not installed; its adapter needs {distribution} >= {tested.first}. "
            f"Install it: pip install 'tradmetrics[{tested.adapter}]'"
        )
    for version in versions:
        if _numbers(version) < _numbers(tested.first):
            raise ConfigurationError(
                f"{distribution} {version} is too old; the adapter needs {distribution} >= {tested.first}. "
                "Upgrade the library, or leave it without instrumentation"
            )
        if _numbers(version) > _numbers(tested.newest):
            _warn(
                f"tradmetrics: {distribution} {version} is newer than {tested.newest}, the newest release that the "
                "adapter was tested with. The adapter works on; report counts that look wrong"
            )


def _warn(message: str) -> None:
    if message in _warned:
        return
    _warned.add(message)
    try:
        warnings.warn(message, stacklevel=4)
    except UserWarning:  # where warnings are errors, a newer library must still work
        _log.warning(message)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    while numbers and not numbers[-1]:
        numbers.pop()  # 1.221 and 1.221.0 are the same
    return tuple(numbers)
