"""The fuzz targets, for two seconds each, and that they notice what is broken; `make fuzz` lets them run."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.fuzz import calls, restores
from tests.fuzz.__main__ import TARGETS, main
from tests.fuzz.runner import Target, fuzz
from tradmetrics.capture.call_site import CallSite
from tradmetrics.cardinality.guard import Guard
from tradmetrics.errors import SnapshotError
from tradmetrics.model.text import text_of
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.orders.snapshot import load
from tradmetrics.storage.label_cache import LabelCache

SECONDS = 2


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_input_breaks_a_promise(target: Target) -> None:
    """Without it, some odd label, source or snapshot could come to hurt the caller, and nobody would know."""
    report = fuzz(target, seconds=SECONDS)
    assert report.finding is None, f"{report.finding}\n(seed {report.seed})"
    assert 0 < report.examples


Break = Callable[[pytest.MonkeyPatch], Any]


def raises_into_the_caller(patch: pytest.MonkeyPatch) -> None:
    """Recording a call raises."""

    def finished(*args: object) -> None:
        raise RuntimeError("broken")

    patch.setattr(CallSite, "finished", finished)


def loses_counts(patch: pytest.MonkeyPatch) -> None:
    """Calls that raise are not recorded."""
    patch.setattr(CallSite, "_raised", lambda *args: None)


def admits_everything(patch: pytest.MonkeyPatch) -> None:
    """There is no limit to the values of labels."""
    patch.setattr(Guard, "admit", lambda self, values: (values, ()))


def leaves_labels_as_they_come(patch: pytest.MonkeyPatch) -> None:
    """Labels are not cleaned."""
    for module in ("capture.call_context", "capture.remembered_calls", "registry.label_values"):
        patch.setattr(f"tradmetrics.{module}.text_of", lambda value: value if type(value) is str else text_of(value))


def takes_one_call_for_another(patch: pytest.MonkeyPatch) -> None:
    """What was remembered of a call is used for the next one, whatever its labels are."""
    patch.setattr(LabelCache, "__missing__", lambda self, key: next(iter(self.values()), None))


def restores_by_halves(patch: pytest.MonkeyPatch) -> None:
    """A damaged snapshot's order is counted before the damage is seen."""

    def loads(snapshot: object) -> Any:
        try:
            return load(snapshot)
        except SnapshotError:
            snapshot.clear() if type(snapshot) is dict else None
            raise

    patch.setattr("tradmetrics.orders.tracker.load", loads)


def raises_something_else(patch: pytest.MonkeyPatch) -> None:
    """What is no dict is an AttributeError."""

    def loads(snapshot: Any) -> Any:
        snapshot.get("version")
        return load(snapshot)

    patch.setattr("tradmetrics.orders.tracker.load", loads)


def forgets_orders(patch: pytest.MonkeyPatch) -> None:
    """Orders that have ended are not restored."""
    put = OrderCorrelator.put
    patch.setattr(OrderCorrelator, "put", lambda self, order: put(self, order) if order.ended is None else None)


@pytest.mark.parametrize(
    ("target", "break_it", "says", "first_seed"),
    [
        (calls.TARGET, raises_into_the_caller, "the caller got", 1),
        (calls.TARGET, loses_counts, "calls: ", 1),
        (calls.TARGET, admits_everything, "budget", 1),
        (calls.TARGET, leaves_labels_as_they_come, "value|parse|exposition", 2),
        (calls.TARGET, takes_one_call_for_another, "several calls are recorded", 1),
        (restores.TARGET, restores_by_halves, "a refused snapshot was changed", 1),
        (restores.TARGET, raises_something_else, "restore raised AttributeError", 1),
        (restores.TARGET, forgets_orders, "restored ", 1),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_is_broken_is_found(
    target: Target, break_it: Break, says: str, first_seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a target that checks nothing any more would go on finding nothing."""
    break_it(monkeypatch)
    report = fuzz(target, seconds=120, first_seed=first_seed, shrink=False)
    assert report.finding is not None
    assert re.search(says, report.finding), report.finding


def test_a_finding_ends_the_command_with_1_and_the_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it, a script would take a finding for a pass, or nobody could tell what input it was."""
    raises_something_else(monkeypatch)
    monkeypatch.setattr("tests.fuzz.__main__.fuzz", partial(fuzz, shrink=False))
    assert 1 == main(["restores", "--minutes", "2", "--seed", "1"])
    assert re.search(r"\nFOUND restore raised AttributeError: .*\n  restore ", capsys.readouterr().out)


def test_the_command_tells_what_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, a run that found nothing could have tried nothing."""
    assert 0 == main(["restores", "--minutes", "0.01", "--seed", "1"])
    report = capsys.readouterr()
    assert re.match(r"restores: [1-9]\d* examples in \d+ s, [\d.]+ a second, seed 1\n", report.out)
    assert re.search(r"\n  end: restored \d+%, damaged \d+%", report.out)
    assert "" == report.err  # no progress where nobody watches
    with pytest.raises(SystemExit):
        main(["restore"])
    assert "there is no target 'restore'; those there are: calls, restores" in capsys.readouterr().err
