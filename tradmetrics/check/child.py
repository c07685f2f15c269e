"""The child process that imports your modules for `tradmetrics check`, and never runs your bot.

The import stops at the first call of a decorated function, at `start_metrics_server`, and at the first outgoing
connection. The process then ends at once, before the call does anything, and names the line to guard.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import CodeType, FrameType, MethodType
from typing import Any, Final, NoReturn

from tradmetrics.capture import wrapping
from tradmetrics.capture.call_site import CallSite
from tradmetrics.check.count import report_on
from tradmetrics.check.found import sites_of
from tradmetrics.errors import ConfigurationError
from tradmetrics.serving.server import start_metrics_server

_PACKAGE: Final = str(Path(__file__).parent.parent) + os.sep
_CONNECTING: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"})


class Guard:
    """Ends the process when an import does more than define things.

    Args:
        answer: The file that receives the result as JSON.
        seconds: How long the imports may take.
    """

    def __init__(self, answer: Path, seconds: float) -> None:
        self._answer = answer
        self._codes: dict[CodeType, str] = {start_metrics_server.__code__: "start_metrics_server()"}
        self._main = threading.main_thread().ident
        self._timer = threading.Timer(seconds, self._too_long, [seconds])
        self._timer.daemon = True

    def start(self) -> None:
        """Watch decorations, calls, connections and the clock from now on."""
        instrument = wrapping.instrument

        @functools.wraps(instrument)
        def watched(target: Any, *args: Any, **kwargs: Any) -> Any:
            for code in _codes_of(target):
                self._codes[code] = f"{wrapping.name_of(target)}()"
            return instrument(target, *args, **kwargs)

        wrapping.instrument = watched
        sys.addaudithook(self._audit)
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        self._timer.start()

    def stop(self) -> None:
        """Watch no longer: the imports are done."""
        sys.setprofile(None)
        threading.setprofile(None)
        self._timer.cancel()
        self._codes.clear()
        self._main = None

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called = self._codes.get(frame.f_code)
            if called is not None:
                self._refuse(frame.f_back, f"called {called}")

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _CONNECTING and self._main is not None:
            if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
                address = arguments[-1]
                if not isinstance(address, tuple):
                    return  # a socket of this machine, such as a logger's
            else:
                address = arguments[0]
                if address in (None, "", "localhost", "127.0.0.1", "::1", b"localhost"):
                    return  # looking the own machine up sends nothing
            self._refuse(sys._getframe(1), f"connected to {address!r}")

    def _too_long(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._main or 0)
        self._refuse(frame, f"was still running after {seconds:g} s")

    def _refuse(self, frame: FrameType | None, what: str) -> NoReturn:
        place = _place_of(frame)
        cure = 'put the code that starts the bot below `if __name__ == "__main__":`'
        self.answer({"refused": f"the import {what}{place}; nothing was sent or recorded. To check the module, {cure}"})
        sys.stderr.flush()
        os._exit(0)

    def answer(self, found: dict[str, Any]) -> None:
        """Write the result."""
        self._answer.write_text(json.dumps(found), encoding="utf-8")


def _codes_of(target: Any) -> Iterator[CodeType]:
    """The code of a decorated callable, also below classmethods, partials and other wrappers."""
    for _ in range(20):
        code = getattr(target, "__code__", None)
        if isinstance(code, CodeType):
            yield code
        if isinstance(target, classmethod | staticmethod | MethodType):
            target = target.__func__
        elif isinstance(target, functools.partial):
            target = target.func
        elif "__wrapped__" in getattr(target, "__dict__", {}):
            target = target.__wrapped__
        else:
            return


def _place_of(frame: FrameType | None) -> str:
    """The file and the line of the module that is being imported, with the statement there."""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>" and not file.startswith((_PACKAGE, "<")):
            source = traceback.FrameSummary(file, frame.f_lineno, "<module>").line
            return f" at {Path(file).name} line {frame.f_lineno}" + (f", `{source}`" if source else "")
        frame = frame.f_back
    return ""


def main(arguments: list[str]) -> None:
    """Import the targets and write the report, or the reason why there is none.

    Args:
        arguments: The answer's file, the seconds that the imports may take, and the targets.
    """
    os.dup2(2, 1)  # the output of your modules must not mix with the report
    answer, seconds, *targets = arguments
    guard = Guard(Path(answer), float(seconds))
    sites: dict[int, CallSite] = {}
    bare: list[str] = []
    guard.start()
    for target in targets:
        try:
            found = list(sites_of(target))
        except ConfigurationError as error:
            guard.answer({"refused": str(error)})
            os._exit(0)
        except (Exception, SystemExit) as error:
            guard.answer({"refused": f"{target} cannot be imported: {type(error).__name__}: {error}"})
            os._exit(0)
        sites.update((id(site), site) for site in found)
        if not found:
            bare.append(target)
    guard.stop()
    guard.answer({"report": asdict(report_on(sites.values())), "bare": bare})
    sys.stderr.flush()
    os._exit(0)  # threads that the import started, and exit handlers, would go on


if __name__ == "__main__":
    main(sys.argv[1:])
