"""What `make bench-check` lets pass, and what it says of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs.tools import benchmarks
from tests.bench import builds, regressions
from tests.bench.instructions import NotCountedError, count

ACCEPTED = {"track_order": 0.4, "fill_timer": 0.2}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record that accepts 0.4 of the instructions and 0.3 of the time for one row, which is not the tracker's."""
    monkeypatch.setattr(regressions, "seconds", lambda prefix="": {})
    path = tmp_path / "accepted.json"
    rows = {"track_order": {"instructions": 0.4, "time": 0.3}}
    path.write_text(json.dumps({builds.PYTHON: {"about": {"python": "3.0.0"}, "rows": rows}}), encoding="utf-8")
    monkeypatch.setattr(regressions, "ACCEPTED", path)
    return path


def test_a_quarter_more_passes_and_a_little_beyond_does_not() -> None:
    """Without this, a change that makes every order dearer would land unseen."""
    assert [] == list(regressions.problems(ACCEPTED, {"track_order": 0.5, "fill_timer": 0.1}, "instructions"))
    [said] = regressions.problems(ACCEPTED, {"track_order": 0.51, "fill_timer": 0.2}, "instructions")
    assert said == (
        "track_order: 0.400 of the hand-written code's instructions was accepted, now it is 0.510 "
        "(+27%, at most +25% passes)."
    )


def test_a_ratio_that_is_no_number_does_not_pass() -> None:
    """A measurement that went wrong must not count as a cheap call."""
    assert 1 == len(list(regressions.problems({"track_order": 0.4}, {"track_order": float("nan")}, "instructions")))


def test_rows_that_came_or_went_are_named() -> None:
    """A row that nobody compares, as after a change of its name, would be watched in name only."""
    assert [
        "fill_timer: accepted at 0.200, and no longer measured.",
        "timer: measured at 0.200, and never accepted.",
    ] == list(regressions.problems(ACCEPTED, {"track_order": 0.4, "timer": 0.2}, "instructions"))


@pytest.mark.parametrize(
    ("python", "found"), [("3.9", "3.10"), ("3.10", "3.10"), ("3.12", "3.11"), ("3.13", "3.13"), ("3.14", "3.13")]
)
def test_a_python_without_figures_of_its_own_is_compared_with_the_one_before_it(python: str, found: str) -> None:
    """A new Python would otherwise fail, or pass, for want of a measure."""
    record = {version: version for version in ("3.13", "3.10", "3.11")}
    assert found == regressions.nearest(record, python)


@pytest.mark.parametrize(
    ("python", "found"),
    [("3.11", "3.11"), ("3.12", "3.11"), ("3.12 optimised", "3.11 optimised"), ("3.10 optimised", "3.11 optimised")],
)
def test_a_build_is_compared_with_its_own_kind(python: str, found: str) -> None:
    """An optimised build makes hand-written code cheaper, so that each of its ratios would look like a regression."""
    record = {each: each for each in ("3.11", "3.11 optimised")}
    assert found == regressions.nearest(record, python)
    assert "3.11" == regressions.nearest({"3.11": "3.11"}, python)


def test_a_regression_fails_the_command_and_says_how_to_accept_it(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever meets the failure needs the row, both figures, differing versions and the way on."""
    monkeypatch.setattr(regressions, "instructions", lambda: {"track_order": 0.6})
    assert 1 == regressions.main([])
    said = capsys.readouterr().err
    assert "track_order: 0.400 of the hand-written code's instructions was accepted, now it is 0.600 (+50%" in said
    assert "Accepted with python 3.0.0, measured with" in said
    assert "make bench-accept" in said


def test_time_is_compared_with_time_where_instructions_cannot_be_counted(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without valgrind still finds what became much dearer, and its log says what it compared."""

    def uncountable() -> dict[str, float]:
        raise NotCountedError("valgrind is not installed")

    monkeypatch.setattr(regressions, "instructions", uncountable)
    monkeypatch.setattr(regressions, "seconds", lambda: {"track_order": 0.46})
    assert 1 == regressions.main([])
    out, err = capsys.readouterr()
    assert "Instructions cannot be counted (valgrind is not installed); processor time is compared instead" in out
    assert "0.300 of the hand-written code's time was accepted, now it is 0.460" in err


def test_the_tracker_is_measured_in_time_too(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tracker that waits for memory would look as cheap as before."""
    name = "order lifecycle: decorated"
    rows = {name: {"instructions": 0.4, "time": 0.3}, "track_order": {"instructions": 0.4, "time": 0.3}}
    record.write_text(json.dumps({builds.PYTHON: {"about": {"python": "3.0.0"}, "rows": rows}}), encoding="utf-8")
    monkeypatch.setattr(regressions, "instructions", lambda: {"track_order": 0.4, name: 0.4})
    for now, status in ((0.44, 0), (0.46, 1)):
        monkeypatch.setattr(
            regressions, "seconds", lambda prefix, now=now: {name: now} if name.startswith(prefix) else {}
        )
        assert status == regressions.main([])
    assert "0.300 of the hand-written code's time was accepted, now it is 0.460" in capsys.readouterr().err


def test_what_is_accepted_passes_afterwards(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The way on that the failure names must lead somewhere."""
    monkeypatch.setattr(regressions, "instructions", lambda: {"track_order": 0.6})
    monkeypatch.setattr(regressions, "seconds", lambda prefix="": {} if prefix else {"track_order": 0.5})
    assert 0 == regressions.main(["--accept"])
    assert 0 == regressions.main([])


def test_without_valgrind_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is all that a reader of the log has."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotCountedError, match="valgrind is not installed"):
        count()


def test_the_page_shows_each_target_met_or_missed_and_a_miss_with_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers must not have to compare ratios with targets themselves; and no miss may be published without a word."""
    figure = {"unit": "ms", "ours": 3.0, "spread": [2.5, 3.5], "reference": "theirs", "theirs": 2.0, "ratio": 1.5}
    about = {"date": "2026-01-01", "python": "3.11", "machine": "a machine", "pytheus": "absent"}
    rows = [
        {**figure, "name": "scrape", "target": 1.5},
        {**figure, "name": "lag", "target": 1.4},
        {"name": "autometrics", "missing": "not measured: no network"},
    ]
    optimised = [{**figure, "name": "scrape", "theirs": 1.25, "ratio": 2.4, "target": 2.3}]
    results, other, tried = tmp_path / "results.json", tmp_path / "optimised.json", tmp_path / "tried.json"
    results.write_text(json.dumps({"about": about, "rows": rows}), encoding="utf-8")
    other.write_text(json.dumps({"about": {"python": "3.11.2"}, "rows": optimised}), encoding="utf-8")
    tried.write_text(json.dumps({"scrape": "Tried: more work."}), encoding="utf-8")
    monkeypatch.setattr(benchmarks, "RESULTS", results)
    monkeypatch.setattr(benchmarks, "OPTIMISED", other)
    monkeypatch.setattr(benchmarks, "TRIED", tried)
    with pytest.raises(LookupError, match=r"misses its target for lag: say in .*tried\.json what was tried"):
        benchmarks.page()
    told = {"lag": "Tried: less work.", "scrape": "Tried: more work."}
    tried.write_text(json.dumps(told | {"import": "Tried: nothing."}), encoding="utf-8")
    with pytest.raises(LookupError, match=r"tried\.json speaks of import, and .* misses no target there"):
        benchmarks.page()
    tried.write_text(json.dumps(told), encoding="utf-8")
    page = benchmarks.page()
    scrape = "| scrape | ms | 3 | 2.5 – 3.5 | theirs | 2 | 1.50 | ≤ 1.5, met | 3 | 1.25 | 2.40 | ≤ 2.3, **missed** |"
    assert scrape in page
    assert "| lag | ms | 3 | 2.5 – 3.5 | theirs | 2 | 1.50 | ≤ 1.4, **missed** |  |  |  |  |" in page
    assert "- **lag**: 1.50 (≤ 1.4). Tried: less work." in page
    assert "- **scrape**: 2.40 on the optimised build (≤ 2.3). Tried: more work." in page
    assert "autometrics: not measured: no network." in page
