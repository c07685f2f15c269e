"""The soak's own judgement; `make soak` runs it for twenty minutes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.bench.soak import Sample, compare, main, soak

FLAT = [Sample(at, 54.0 + at % 2, 7 + at % 2, 2 + at % 2, 1_069) for at in range(12)]


def grown(last: list[Sample]) -> list[str]:
    """What has grown since the flat minute."""
    return [each.name for each in compare(FLAT, last) if each.grown]


def test_what_goes_up_and_down_has_not_grown() -> None:
    """Without it, an allocator that breathes, or a scrape that is being answered, would be taken for a leak."""
    assert [] == grown(FLAT)
    assert [] == grown([each._replace(memory=each.memory * 1.04, series=1_072) for each in FLAT])


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"memory": 58.0}, "resident memory, MiB"),
        ({"files": 9}, "file descriptors"),
        ({"threads": 4}, "threads"),
        ({"series": 1_090}, "series"),
    ],
)
def test_each_figure_that_has_grown_is_named(changes: dict[str, Any], name: str) -> None:
    """Without it, a leak of one kind would pass."""
    assert [name] == grown([each._replace(**changes) for each in FLAT])


def test_a_run_too_short_to_compare_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, a minute would be compared with itself, and nothing could ever grow."""
    with pytest.raises(SystemExit):
        main(["--minutes", "2"])
    assert "60 seconds of warm-up and two windows of 60 do not fit into 120" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc to read from")
def test_the_demo_is_scraped_sampled_and_stopped() -> None:
    """Without it, twenty minutes could end in figures of another process, or of none."""
    run = soak(seconds=6.0, warm_up=1.0)
    assert [] == run.failures
    assert 0 == run.status
    assert 2 <= run.scrapes
    assert 0 < run.orders
    sample = run.samples[-1]
    assert 10 < sample.memory < 1_000
    assert 3 <= sample.files
    assert 2 <= sample.threads
    assert 100 < sample.series
