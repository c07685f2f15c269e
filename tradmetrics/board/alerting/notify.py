"""Sends alerts to phones and chats through Apprise: grouped by bot, at most one message a minute for each."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tradmetrics.board.alerting.rules import Alert, Key
from tradmetrics.errors import ConfigurationError

GROUP_SECONDS: Final = 1.0
"""How long the first message of a bot waits for more alerts of the same cause."""
CALM_SECONDS: Final = 20.0
"""How long it waits when no alert is critical, so that it does not hold up a critical one that follows."""
APART_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = (5.0, 15.0, 60.0, 300.0)
_MOST_PENDING: Final = 200
_log = logging.getLogger("tradmetrics.board")


class Way(Protocol):
    """Delivers a message; the part of `apprise.Apprise` that is used."""

    def notify(self, body: str, title: str) -> Any:
        """Send, and return what is true when it arrived."""


def ways(urls: Iterable[str]) -> list[Way]:
    """Return what delivers to each of the given Apprise addresses.

    Args:
        urls: Such as `ntfy://topic`, `tgram://token/chat`, `discord://id/token`, `mailto://…`, `json://host/path`.

    Raises:
        ConfigurationError: Apprise cannot read an address; the message names its kind and its place, not its secrets.
    """
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its messages hold addresses with tokens
    found = list[Way]()
    for number, url in enumerate(urls, start=1):
        delivery = apprise.Apprise()
        if not delivery.add(url):
            kind = f"{url.partition('://')[0]}://…" if "://" in url else "it begins with no kind, such as ntfy://"
            raise ConfigurationError(
                f"--notify: Apprise cannot read address {number} ({kind}); "
                "see https://github.com/caronc/apprise/wiki for how it is written"
            )
        found.append(delivery)
    return found


@dataclass
class _Bot:
    pending: dict[Key, Alert] = field(default_factory=dict)
    since: float = 0.0
    sent: float = float("-inf")
    retries: int = 0
    not_before: float = 0.0


class Notifier:
    """Collects alerts that begin and end, and sends them each way: one that is down holds up no other.

    Args:
        ways: Deliver messages; none to send nothing.
        runbooks: The first lines of each alert's runbook.
        clock: Seconds that never go back.

    Attributes:
        delivered: Messages that arrived.
        failed: Attempts that did not.
    """

    def __init__(self, ways: Sequence[Way], runbooks: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._ways = ways
        self._runbooks = runbooks
        self._clock = clock
        self._bots: dict[tuple[int, str], _Bot] = {}
        self._told: set[Key] = set()
        self.delivered = 0
        self.failed = 0

    def update(self, firing: Iterable[Alert], resolved: Iterable[Alert]) -> None:
        """Take the alerts that fire now, without the muted ones, and those that resolved since the call before."""
        if not self._ways:
            return
        for alert in firing:
            if alert.key not in self._told:
                self._told.add(alert.key)
                self._add(alert)
        for alert in resolved:
            if alert.key in self._told:
                self._told.discard(alert.key)
                self._add(alert)

    def _add(self, alert: Alert) -> None:
        for number in range(len(self._ways)):
            bot = self._bots.setdefault((number, alert.labels.get("instance", "")), _Bot())
            if not bot.pending:
                bot.since = self._clock()
            if len(bot.pending) < _MOST_PENDING or alert.key in bot.pending:
                bot.pending[alert.key] = alert

    async def run(self) -> None:
        """Send until cancelled."""
        await asyncio.gather(*(self._run(number) for number in range(len(self._ways))))

    async def _run(self, number: int) -> None:
        while True:
            await self._send(number)
            await asyncio.sleep(0.5)

    async def send(self) -> None:
        """Send what is due, each way."""
        await asyncio.gather(*(self._send(number) for number in range(len(self._ways))))

    async def _send(self, number: int) -> None:
        now = self._clock()
        for (way, name), bot in list(self._bots.items()):
            wait = GROUP_SECONDS if _is_grave(bot.pending.values()) else CALM_SECONDS
            waited = now - bot.since >= wait and now - bot.sent >= APART_SECONDS
            if way == number and bot.pending and waited and now >= bot.not_before:
                alerts, bot.pending = bot.pending, {}
                title, body = message(name, list(alerts.values()), self._runbooks)
                if await self._deliver(way, title, body):
                    bot.sent, bot.retries = now, 0
                    continue
                pause = _RETRY_SECONDS[min(bot.retries, len(_RETRY_SECONDS) - 1)]
                bot.retries, bot.not_before = bot.retries + 1, now + pause
                bot.pending = {**alerts, **bot.pending}
                of = f"address {way + 1} of --notify" if len(self._ways) > 1 else "--notify"
                about = name or "bots"
                _log.warning(
                    "a message about %s could not be sent to %s; the next attempt is in %g s", about, of, pause
                )

    async def test(self) -> list[int]:
        """Send one message that says that messages arrive.

        Returns:
            The addresses, counted from 1, where it did not.
        """
        title, body = "tradmetrics: messages arrive", "This is a test. Alerts of your bots will come this way."
        arrived = await asyncio.gather(*(self._deliver(way, title, body) for way in range(len(self._ways))))
        return [number for number, each in enumerate(arrived, start=1) if not each]

    async def _deliver(self, way: int, title: str, body: str) -> bool:
        try:
            arrived = bool(await asyncio.to_thread(self._ways[way].notify, body=body, title=title))
        except Exception as error:
            _log.warning("sending a message failed: %s", type(error).__name__)
            arrived = False
        self.delivered += arrived
        self.failed += not arrived
        return arrived


def message(bot: str, alerts: list[Alert], runbooks: Mapping[str, str]) -> tuple[str, str]:
    """Return the title and the text of one message about one bot.

    Args:
        bot: Its name; empty for alerts about no bot in particular.
        alerts: At least one alert that fires or has resolved.
        runbooks: The first lines of each alert's runbook.

    Returns:
        The title, which says the worst of it, and the text.
    """
    firing = sorted((each for each in alerts if each.resolved is None), key=_gravity)
    over = [each for each in alerts if each.resolved is not None]
    lead = (firing or over)[0]
    words = "FIRING" if firing else "RESOLVED"
    more = f" (+{len(alerts) - 1})" if len(alerts) > 1 else ""
    title = f"{words}: {lead.annotations.get('summary', lead.rule.name)}{more}"
    lines = [f"Bot: {bot}"] if bot else []
    for each in firing:
        lines += [f"● {each.rule.name} ({each.labels.get('severity', '')}): {each.annotations.get('description', '')}"]
    if firing and lead.rule.name in runbooks:
        lines += ["", runbooks[lead.rule.name]]
    if firing and lead.annotations.get("runbook_url"):
        lines.append(lead.annotations["runbook_url"])
    for each in over:
        held = (each.resolved or 0.0) - (each.firing or 0.0)
        lines.append(
            f"✓ {each.rule.name} resolved after {max(held, 0) / 60:.0f} min"
            if held >= 60
            else f"✓ {each.rule.name} resolved after {max(held, 0):.0f} s"
        )
    return title, "\n".join(lines)


def _is_grave(alerts: Iterable[Alert]) -> bool:
    return any(each.labels.get("severity") == "critical" for each in alerts)


_ORDER: Final[dict[str, int]] = {"critical": 0, "warning": 1, "info": 2}


def _gravity(alert: Alert) -> tuple[int, Any]:
    return _ORDER.get(alert.labels.get("severity", ""), 3), alert.firing or 0.0
