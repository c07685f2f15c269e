"""Programs that tests run for real."""

import shutil
import subprocess

import pytest


def program(*names: str) -> str:
    """Find a program under any of its names, or skip the test with the reason.

    Args:
        names: Names of the same program; distributions differ.

    Returns:
        The path of the first one that is installed.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not installed")


def run(*command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its exit status and output."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
