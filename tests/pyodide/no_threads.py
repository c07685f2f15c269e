"""A pytest plugin for runtimes that can start no thread, no process and no second event loop, such as WebAssembly."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

MISSING = (
    "can't start new thread",
    "cannot join thread before it is started",
    "does not support processes",
    "WebAssembly stack switching not supported",
    "Function not implemented",
    "Operation not supported",
)
# They compare with names that only CPython's own event loop has.
OF_CPYTHONS_LOOP = (
    "test_python_still_says_that_nobody_looked_at_a_tasks_exception",
    "test_a_coroutine_that_nobody_begins_to_await_ends_too[cancelled]",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of CPython's own event loop."""
    for item in items:
        if item.name in OF_CPYTHONS_LOOP:
            item.add_marker(pytest.mark.skip("the test asks for CPython's own event loop"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Turn what the runtime cannot do into a skip with its reason."""
    try:
        return (yield)
    except (RuntimeError, OSError, NotImplementedError) as error:
        if any(text in str(error) for text in MISSING):
            pytest.skip(f"this runtime cannot do that: {error}")
        raise
