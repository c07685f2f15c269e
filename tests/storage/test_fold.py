"""The files of workers that are gone become one: what counts, what is deleted, and what is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradmetrics.storage import worker_fold
from tradmetrics.storage.worker_directory import aggregate
from tradmetrics.storage.worker_format import HEADER
from tradmetrics.storage.worker_identity import own_tag
from tradmetrics.storage.worker_names import PREFIX

pytestmark = pytest.mark.skipif(own_tag() == 0, reason="only Linux says which process has ended")
COUNT = b'["own", "own_total", {}, "Own."]'
LEVEL = b'["level", "level", {}, "Level."]'


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


def left(folder: Path, name: str, key: bytes, *pair: float) -> Path:
    """The file that a worker left behind."""
    path = folder / name
    worker_fold._write(str(path), {key: (pair[0], pair[-1])}, [])
    data = path.read_bytes()
    used, _ = HEADER.unpack_from(data)
    path.write_bytes(HEADER.pack(used, own_tag()) + data[HEADER.size : used])
    return path


class Failures(list[tuple[str, str]]):
    """The files that could not be folded, with the reason."""

    def __call__(self, path: str, error: BaseException) -> None:
        self.append((os.path.basename(path), str(error)))


def folded(folder: Path) -> Failures:
    """Fold, and return what failed."""
    failures = Failures()
    worker_fold.fold_what_is_gone(str(folder), failures)
    return failures


def values(folder: Path) -> dict[str, float]:
    """What a scrape shows."""
    samples = [sample for metric in aggregate(str(folder)).collect() for sample in metric.samples]
    return {sample.name: sample.value for sample in samples if sample.name in ("own_total", "level")}


@pytest.mark.parametrize(("mode", "expected"), [("max", 7.0), ("min", 2.0), ("sum", 14.0), ("mostrecent", 5.0)])
def test_a_scrape_shows_the_same_before_and_after(mode: str, expected: float, gone: int, tmp_path: Path) -> None:
    """A count would fall, or a gauge jump, when a server recycles a worker."""
    for number, (count, level, moment) in enumerate([(3.0, 7.0, 1.0), (4.0, 5.0, 9.0), (5.0, 2.0, 4.0)]):
        left(tmp_path, f"counter_{PREFIX}{gone}-{number}.db", COUNT, count)
        left(tmp_path, f"gauge_{mode}_{PREFIX}{gone}-{number}.db", LEVEL, level, moment)
        left(tmp_path, f"gauge_live{mode}_{PREFIX}{gone}-{number}.db", LEVEL, 100.0)
    assert [] == folded(tmp_path)
    assert {f"counter_{worker_fold.GONE}.db", f"gauge_{mode}_{worker_fold.GONE}.db", worker_fold.LOCK} == set(
        os.listdir(tmp_path)
    )
    assert {"own_total": 12.0, "level": expected} == values(tmp_path)
    # The next worker that goes adds to it.
    left(tmp_path, f"counter_{PREFIX}{gone}-9.db", COUNT, 1.0)
    assert [] == folded(tmp_path)
    assert {"own_total": 13.0, "level": expected} == values(tmp_path)


def test_what_is_not_known_to_be_gone_stays(gone: int, tmp_path: Path) -> None:
    """The counts of a living worker, of another program or of each worker by itself would be lost."""
    left(tmp_path, f"counter_{PREFIX}{os.getpid()}.db", COUNT, 1.0)
    left(tmp_path, f"counter_{gone}.db", COUNT, 1.0)
    left(tmp_path, f"gauge_all_{PREFIX}{gone}.db", LEVEL, 1.0)
    left(tmp_path, f"odd_{gone}.db", LEVEL, 1.0)
    (tmp_path / f"counter_{PREFIX}{gone}-1.db").write_bytes(b"x")
    os.mkfifo(tmp_path / f"counter_{PREFIX}{gone}-2.db")
    before = sorted(os.listdir(tmp_path))
    assert [] == folded(tmp_path)
    assert before == sorted(os.listdir(tmp_path))


def test_a_damaged_file_costs_its_own_counts_only(gone: int, tmp_path: Path) -> None:
    """One file that a full disk has cut would keep the files of all others for ever, or its loss would go unsaid."""
    left(tmp_path, f"counter_{PREFIX}{gone}-1.db", COUNT, 3.0)
    damaged = left(tmp_path, f"counter_{PREFIX}{gone}-2.db", COUNT, -4.0)
    ((name, reason),) = folded(tmp_path)
    assert (damaged.name, "it holds a count that is negative or no number") == (name, reason)
    assert damaged.exists()
    assert not (tmp_path / f"counter_{PREFIX}{gone}-1.db").exists()
    damaged.unlink()
    assert {"own_total": 3.0} == values(tmp_path)


def test_a_damaged_fold_swallows_no_more_counts(gone: int, tmp_path: Path) -> None:
    """The counts of every worker that goes would be added to a file that nobody can read."""
    source = left(tmp_path, f"counter_{PREFIX}{gone}-1.db", COUNT, 3.0)
    fold = tmp_path / f"counter_{worker_fold.GONE}.db"
    fold.write_bytes(b"damaged")
    assert {fold.name} == {name for name, _ in folded(tmp_path)}
    assert source.exists()
    assert b"damaged" == fold.read_bytes()


def test_a_fold_that_was_interrupted_is_brought_to_an_end(gone: int, tmp_path: Path) -> None:
    """What a killed process had folded already would count twice, or lie there for ever."""
    done = left(tmp_path, f"counter_{PREFIX}{gone}-1.db", COUNT, 3.0)
    fold = tmp_path / f"counter_{worker_fold.GONE}.db"
    worker_fold._write(str(fold), {COUNT: (7.0, 0.0)}, [(done.name, done.stat().st_ino), ("nowhere.db", 1)])
    assert {"own_total": 7.0} == values(tmp_path)
    assert [] == folded(tmp_path)
    assert not done.exists()
    assert {"own_total": 7.0} == values(tmp_path)


class Locks:
    """The system's locks, all of which another process holds."""

    LOCK_EX, LOCK_SH, LOCK_NB = 2, 1, 4

    @staticmethod
    def lockf(file: object, kind: int) -> None:
        """Another process holds it."""
        raise BlockingIOError


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Another process holds the lock; what is waited meanwhile."""
    waited: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(waited), sleep=waited.append)
    monkeypatch.setitem(sys.modules, "fcntl", Locks)
    monkeypatch.setattr(worker_fold, "time", clock)
    return waited


def test_while_another_process_reads_nothing_is_folded_and_nobody_waits(
    held: list[float], gone: int, tmp_path: Path
) -> None:
    """Its scrape would miss what is moved from file to file, or a scrape would hang behind another one."""
    source = left(tmp_path, f"counter_{PREFIX}{gone}-1.db", COUNT, 3.0)
    assert [] == folded(tmp_path)
    assert source.exists()
    assert [] == held


def test_a_scrape_waits_for_a_fold_and_not_for_ever(held: list[float], tmp_path: Path) -> None:
    """A process that was stopped while it folds would stop every scrape."""
    with worker_fold.reading(str(tmp_path)):
        assert 1.0 <= sum(held) < 1.1


def test_without_locks_or_without_the_directory_files_are_read_and_none_is_folded(
    gone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, or after the directory was deleted, every scrape would fail."""
    nowhere = str(tmp_path / "nowhere")
    with worker_fold.reading(nowhere):
        assert [] == worker_fold.files_in(nowhere)
    assert [] == folded(tmp_path / "nowhere")
    left(tmp_path, f"counter_{PREFIX}{gone}-1.db", COUNT, 3.0)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert [] == folded(tmp_path)
    assert [f"counter_{PREFIX}{gone}-1.db"] == os.listdir(tmp_path)
    with worker_fold.reading(str(tmp_path)):
        assert {"own_total": 3.0} == values(tmp_path)
