"""The threads that make answers which take time: each answer once for all clients that wait for it."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from http import HTTPStatus
from typing import Final, Generic, NamedTuple, TypeVar

from tradmetrics.serving.endpoint import HttpResponse, plain

Client = TypeVar("Client")

_LOGGER: Final = logging.getLogger(__name__)


class Work(NamedTuple):
    """An answer that takes time: `function` makes it, once for all requests with an equal key.

    Attributes:
        key: Names the answer.
        lane: The thread that makes it; work of one lane is done in the order in which it came.
        function: Makes the answer. It raises no `Exception`.
    """

    key: Hashable
    lane: str
    function: Callable[[], HttpResponse]


class AnswerThreads(Generic[Client]):
    """One thread for each lane, started at its first work.

    Args:
        finished: Called from those threads when an answer is there for `answers`.
    """

    def __init__(self, finished: Callable[[], None]) -> None:
        self._finished = finished
        self._waiting: dict[Hashable, list[Client]] = {}
        self._lanes: dict[str, queue.SimpleQueue[Work | None]] = {}
        self._done: deque[tuple[Hashable, HttpResponse]] = deque()

    def ask(self, work: Work, client: Client) -> None:
        """Have an answer made for a client. If another client waits for the same one, the two share it."""
        waiting = self._waiting.get(work.key)
        if waiting is not None:
            waiting.append(client)
            return
        self._waiting[work.key] = [client]
        try:
            lane = self._lanes.get(work.lane) or self._start(work.lane)
        except RuntimeError:  # no thread can be had
            self._finish(work.key, plain(HTTPStatus.SERVICE_UNAVAILABLE, "503 no thread could be started"))
        else:
            lane.put(work)

    def leave(self, key: Hashable, client: Client) -> None:
        """Let a client wait no longer. An answer that nobody waits for is not made."""
        waiting = self._waiting.get(key, [])
        if client in waiting:
            waiting.remove(client)
            if not waiting:
                del self._waiting[key]

    def answers(self) -> Iterator[tuple[Client, HttpResponse]]:
        """Take the answers that are there, each with a client that waits for it."""
        while self._done:
            key, answer = self._done.popleft()
            for client in self._waiting.pop(key, ()):
                yield client, answer

    def end(self) -> None:
        """Let each thread end after the work that it has."""
        for lane in self._lanes.values():
            lane.put(None)

    def _start(self, name: str) -> queue.SimpleQueue[Work | None]:
        lane: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(lane,), name=f"tradmetrics-{name}", daemon=True).start()
        self._lanes[name] = lane
        return lane

    def _run(self, lane: queue.SimpleQueue[Work | None]) -> None:
        while (work := lane.get()) is not None:
            if work.key not in self._waiting:
                continue
            try:
                answer = work.function()
            except BaseException:  # the thread answers later scrapes too, whatever ended this one
                _LOGGER.exception("the answer to a scrape was interrupted")
                answer = plain(HTTPStatus.INTERNAL_SERVER_ERROR, "500 the answer was interrupted; the log says why")
            self._finish(work.key, answer)

    def _finish(self, key: Hashable, answer: HttpResponse) -> None:
        self._done.append((key, answer))
        self._finished()
