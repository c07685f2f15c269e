"""The demo's status: one line that updates in place on a terminal, a plain line now and then anywhere else."""

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text
from typing_extensions import Self

from tradmetrics.demo.session import Session

_IN_PLACE_SECONDS: Final = 0.25
_PLAIN_SECONDS: Final = 5.0


class StatusLine:
    """Shows how a session stands; a context manager.

    On a terminal it rewrites one line, in colour unless `NO_COLOR` is set. Where the output is a file or a pipe, or
    the terminal cannot move its cursor, it prints a line every five seconds.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        in_place = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, auto_refresh=False) if in_place else None
        self._every = _IN_PLACE_SECONDS if in_place else _PLAIN_SECONDS
        self._shown_at = 0.0
        self._stopped = False

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, session: Session, *, state: str = "", now: bool = False) -> None:
        """Show how the session stands, if it is time to.

        Args:
            session: The session.
            state: What to say beside the figures.
            now: Show it whatever the time.
        """
        changed = session.breaker.active != self._stopped
        self._stopped = session.breaker.active
        if changed and not state:
            self._explain(session)
        if not now and time.monotonic() - self._shown_at < self._every:
            return
        self._shown_at = time.monotonic()
        line = status(session, state)
        if self._live is not None:
            self._live.update(line, refresh=True)
        else:
            print(line.plain, file=self._console.file, flush=True)

    def _explain(self, session: Session) -> None:
        """Print one line that stays, when the breaker trips and when trading goes on."""
        line = f"{_clock(session)}  {session.breaker.story() or 'circuit breaker: reset; trading goes on'}"
        self._console.print(Text(line, style="red" if session.breaker.active else "green"))


def _clock(session: Session) -> str:
    minutes, seconds = divmod(int(session.clock.now()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


def status(session: Session, state: str = "") -> Text:
    """Return a session's status as one line."""
    ledger, daily = session.ledger, session.account.daily()
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(_clock(session), style="bold")
    line.append(f"  P&L {daily:+,.0f}", style="green" if daily >= 0 else "red")
    line.append(f"  orders {ledger.total('submitted'):.0f}")
    line.append(f"  filled {ledger.total('filled'):.0f}")
    line.append(f"  rejected {ledger.total('rejected'):.0f}")
    line.append(f"  trades {ledger.total('trades'):.0f}")
    if session.breaker.active:
        line.append(f"  {session.breaker.story()}", style="bold red")
    silent = [index for index in session.market.indices if not session.feed.is_live(index)]
    if silent and not state:
        line.append(f"  silent {' '.join(silent)}", style="yellow")
    if session.switch.active:
        line.append(f"  fault {', '.join(session.switch.names)}", style="magenta")
    if state:
        line.append(f"  {state}", style="bold")
    return line
