"""Which process a worker's file belongs to, so that another process with the same number is not taken for it.

A process id is given again sooner or later, and in another container it names another process. So each file carries a
tag of 32 bits in the four bytes of its header that the format leaves unused: 12 bits of the process's PID namespace
and 20 bits of its start time. Linux has both; elsewhere the tag is 0, and only the process id counts.
"""

from __future__ import annotations

import os
from zlib import crc32

UNKNOWN = 0
"""The tag of a file whose process left none."""


def own_tag() -> int:
    """The tag of this process."""
    return tag_of(os.getpid())


def tag_of(process: int) -> int:
    """The tag in the files of a running process of this PID namespace; `UNKNOWN` where the system does not say."""
    started = _start_time(process)
    namespace = _namespace()
    if started is None or namespace is None:
        return UNKNOWN
    return (namespace << 20 | crc32(started.encode()) & 0xFFFFF) or 1


def is_gone(process: int, tag: int) -> bool:
    """Whether the process that wrote a file with this tag has ended, as far as this process can know.

    Args:
        process: The process id in the file's name.
        tag: The tag in its header; not `UNKNOWN`.
    """
    namespace = _namespace()
    if namespace is None or tag >> 20 != namespace:
        return False  # a process of another container, which has other numbers
    if not is_running(process):
        return True
    return tag_of(process) not in (UNKNOWN, tag)


def is_running(process: int) -> bool:
    """Whether there is a process with this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _start_time(process: int) -> str | None:
    """The time that a process started at, in ticks since the system was started, with the system's own start."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # The second field is the program's name, which may hold blanks and parentheses.
            ticks = file.read().rpartition(b")")[2].split()[19].decode()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {ticks}"
    except (OSError, IndexError, ValueError):
        return None


def _namespace() -> int | None:
    try:
        return crc32(b"%d" % os.stat("/proc/self/ns/pid").st_ino) & 0xFFF
    except OSError:
        return None
