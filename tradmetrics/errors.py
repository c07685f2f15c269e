"""The exception tree of the package.

Every message names the function, the label or the setting, and the spelling to use. All of these
are raised while decorating or configuring; nothing here is raised into a trading call unless a metrics object is
`strict`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any, Final


class TradmetricsError(Exception):
    """Base class of every error that this package raises on purpose."""


class LabelSourceError(TradmetricsError, TypeError):
    """A label of a decorated function has no source, or a source that cannot exist.

    Raised when decorating. In a `strict` metrics object it is also raised when a source fails during a call.
    """


class ConfigurationError(TradmetricsError, ValueError):
    """A definition, a limit, a bucket list or another setting cannot work as given."""


class SnapshotError(TradmetricsError, ValueError):
    """A snapshot of open orders is damaged, foreign, or of a newer version."""


class DecorationError(TradmetricsError, TypeError):
    """A decorator was put on something that it cannot record, such as a class or a text."""


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean '…'?` for a misspelt name, or nothing."""
    import difflib  # only when there is something to correct

    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def is_interruption(error: BaseException) -> bool:
    """Return True for an exception that came from outside of the code that it went through.

    That is a Ctrl-C, an exception of a signal handler, and a `BaseException` that was thrown into code of this package
    (which raises none itself), as `PyThreadState_SetAsyncExc` does. Such an exception belongs to the user's program.
    A signal handler is recognised in the traceback: Python calls it with the frame that it interrupts.

    Args:
        error: An exception that was just caught.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    traceback = error.__traceback__
    if traceback is None:
        return False
    handlers = _handlers()
    for _ in range(_MOST_FRAMES):  # an exception that is raised again and again has a traceback without end
        if traceback.tb_next is None:
            break
        interrupted, traceback = traceback.tb_frame, traceback.tb_next
        if _is_handler(traceback.tb_frame, interrupted, handlers):
            return True
    return not isinstance(error, Exception) and _is_own(traceback.tb_frame.f_code.co_filename)


def _is_handler(frame: FrameType, interrupted: FrameType, handlers: list[CodeType]) -> bool:
    """Whether a frame is of a signal handler that Python called in the middle of `interrupted`."""
    code = frame.f_code
    if code.co_flags & _GENERATOR or code.co_argcount + bool(code.co_flags & _VARARGS) == 0:
        return False
    variables = frame.f_locals
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & _VARARGS)]
    for name in names:
        value = variables.get(name)
        if value is interrupted or (type(value) is tuple and any(each is interrupted for each in value)):
            return True
    return any(code is each for each in handlers)


def _handlers() -> list[CodeType]:
    """The code of the installed signal handlers, for those that have dropped the frame that they were given."""
    # Only when an error has come. The public module makes enum members of all numbers.
    from _signal import NSIG, getsignal  # type: ignore[import-not-found, unused-ignore]

    codes = []
    for number in range(1, NSIG):
        function: Any = getsignal(number)
        if function is None or type(function) is int:
            continue
        function = getattr(function, "func", function)
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None) or getattr(vars(type(function)).get("__call__"), "__code__", None)
        if code is not None:
            codes.append(code)
    return codes


def _is_own(filename: str) -> bool:
    return filename == SHELL_FILE or filename.startswith(_PACKAGE)


SHELL_FILE: Final = "<tradmetrics>"
"""The file that tracebacks show for the generated code around a decorated function."""

_PACKAGE: Final = os.path.dirname(__file__) + os.sep
_MOST_FRAMES: Final = 100
_VARARGS: Final = 0x04
_GENERATOR: Final = 0x20 | 0x80 | 0x200
