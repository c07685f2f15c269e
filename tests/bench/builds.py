"""The two builds of Python that the targets distinguish: compiled as it comes, and optimised.

A build with profile-guided and link-time optimisation, which is what distributions and python.org offer, runs
prometheus_client's code in two thirds of the time, and gains less at the few steps of a remembered call. So its ratios
are higher, and each target has a second number for it.
"""

from __future__ import annotations

import platform
import sys
import sysconfig
from typing import Final

OPTIMISED: Final = (
    "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "") or sys.base_prefix == "/usr"
)
"""Whether this Python is an optimised build. Distributions optimise theirs, and do not say so in the configuration."""
KIND: Final = "optimised" if OPTIMISED else "plain"
PYTHON: Final = ".".join(platform.python_version_tuple()[:2]) + (f" {KIND}" if OPTIMISED else "")
"""The version and the build, by which accepted figures are filed."""


def target(plain: float, optimised: float) -> float:
    """The target of a row on this build.

    Args:
        plain: The target on a plain build.
        optimised: The target on an optimised build.
    """
    return optimised if OPTIMISED else plain
