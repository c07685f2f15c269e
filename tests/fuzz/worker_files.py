"""Target `files`: the workers' directory with damaged, foreign and half-written files in it.

What must hold, whatever is drawn: the reader and the fold raise nothing, and the sound file's count is served.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from tests.fuzz.runner import Notes, Target
from tradmetrics.storage.rendering import render
from tradmetrics.storage.worker_directory import aggregate

KEY: Final = b'["sound", "sound_total", {"a": "b"}, "Sound."]'
_KEYS: Final = st.sampled_from(
    [KEY, b"", b"[]", b"{}", b"null", b'["a", "b"]', b'["m", "m_total", {}, "h"]', b'["m", "m", {"le": "x"}, "h"]',
     b'[1, 2, {"a": 3}, 4]', b'["m", "m_bucket", {"le": "+Inf"}, "h"]', b"\xff\xfe", b"[" * 3_000,
     b'["m", "m_total", {"a": "\\ud800"}, "\\udfff"]']
)  # fmt: skip
_NUMBERS: Final = st.floats()


def entry(key: bytes, value: float) -> bytes:
    """A series as the format has it."""
    return struct.pack("i", len(key)) + key + b" " * (8 - (len(key) + 4) % 8) + struct.pack("dd", value, 0.0)


def content(entries: list[bytes], tag: int = 0) -> bytes:
    """A file as the format has it."""
    body = b"".join(entries)
    return struct.pack("iI", 8 + len(body), tag) + body


_CONTENTS: Final = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda entries, tag, start, end, junk: content(entries, tag)[start:end] + junk,
        st.lists(st.builds(entry, _KEYS, _NUMBERS), max_size=4),
        st.integers(0, 2**32 - 1),
        st.integers(0, 9),
        st.one_of(st.none(), st.integers(0, 200)),
        st.binary(max_size=20),
    ),
)
_NAMES: Final = st.sampled_from(
    ["counter_1.db", "counter_tradmetrics-99999.db", "counter_tradmetrics-gone.db", "histogram_2.db", "gauge_max_3.db",
     "gauge_livesum_tradmetrics-4.db", "gauge_.db", "gauge_odd_5.db", "summary_6.db", "notes.db", "_.db",
     "counter_tradmetrics-\u00b2.db", "gauge_all_\udcff.db"]
)  # fmt: skip
STRATEGY: Final = st.dictionaries(_NAMES, _CONTENTS, max_size=5)


def check(files: dict[str, bytes], note: Notes) -> None:
    """Write the files, and collect them twice: the second time from what was kept."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "counter_7.db"
        sound.write_bytes(content([entry(b'["sound_of_ours", "sound_of_ours_total", {}, "Sound."]', 3.0)]))
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        damaged: list[str] = []
        registry = aggregate(folder, lambda path, error: damaged.append(path))
        for _ in range(2):
            metrics = {metric.name: metric for metric in registry.collect()}
            assert [3.0] == [sample.value for sample in metrics["sound_of_ours"].samples]
            assert b"sound_of_ours_total 3.0" in render(registry).splitlines()
        note("files", "damaged" if damaged else "sound")
        assert str(sound) not in damaged


TARGET: Final = Target("files", STRATEGY, check, repr, {"files": ("damaged", "sound")})
