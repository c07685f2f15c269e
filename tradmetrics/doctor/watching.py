"""Judge a bot by one scrape: LIVE, DEGRADED or SILENT. Samples in, judgement out; no network here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tradmetrics import catalogue
from tradmetrics.doctor.findings import Sample, escaped
from tradmetrics.doctor.known import by_name

State: TypeAlias = Literal["LIVE", "DEGRADED", "SILENT"]

DATA_LIMIT: Final = 30.0
HEARTBEAT_LIMIT: Final = 120.0
SAMPLER_LIMIT: Final = 120.0
"""Seconds; the thresholds of the alerts MarketDataSilent, HeartbeatLate and SamplerLate."""

# These have a value although no code of the bot has recorded anything.
_RECORD_NOTHING: Final = frozenset(
    each.name for each in catalogue.CATALOGUE if each.family == "tradmetrics" or each.at_scrape
) | {catalogue.BUILD_INFO.name, catalogue.MARKET_DATA_STALE.name}
_AGED: Final = (catalogue.MARKET_DATA_LAST_UPDATE.name, catalogue.HEARTBEAT.name, catalogue.SAMPLER_LAST_SUCCESS.name)
_SUFFIXES: Final = ("_bucket", "_count", "_sum", "_created")


@dataclass(frozen=True)
class Signal:
    """A sign of life with an age.

    Attributes:
        name: The sign: `market data`, `heartbeat <loop>` or `sampler <function>`.
        age: Seconds since it came; None if it never came.
        limit: Seconds after which it is late; None while its age is not judged.
    """

    name: str
    age: float | None
    limit: float | None

    @property
    def is_late(self) -> bool:
        """Whether the sign is older than its limit."""
        return self.limit is not None and (self.age is None or self.age > self.limit)

    def __str__(self) -> str:
        """Return the sign, its age, and its limit if it is late."""
        age = "never came" if self.age is None else f"{duration(self.age)} old"
        return f"{self.name} {age}" + (f" (limit {duration(self.limit)})" if self.is_late and self.limit else "")


@dataclass(frozen=True)
class Watched:
    """The judgement of one bot.

    Attributes:
        bot: Address of its endpoint, without a password.
        state: `LIVE`, `DEGRADED` or `SILENT`.
        reason: The cause if the bot is not live; empty if it is.
        orders: Orders that were sent since the bot started.
        order_age: Seconds within which all of them were sent, which is the bot's uptime; None without orders.
        signals: The signs of life that have an age.
        remarks: Further facts for a person.
    """

    bot: str
    state: State
    reason: str = ""
    orders: float = 0.0
    order_age: float | None = None
    signals: list[Signal] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the judgement as one line, with control characters escaped."""
        parts = [self.reason] if self.reason else []
        if self.order_age is not None:
            parts.append(f"{counted(self.orders, 'order')} in {duration(self.order_age)}")
        parts += [str(each) for each in self.signals if not each.is_late]
        return escaped(f"{self.state:<9} {self.bot}: {'; '.join([*parts, *self.remarks])}")


def judge(bot: str, samples: Sequence[Sample], now: float, limit: float | None = None) -> Watched:
    """Judge one bot.

    A bot is SILENT if no decorated function and no call has recorded anything, or if every sign of life is late. It is
    DEGRADED if some are late, and LIVE if none is. While the market is closed, the age of its data does not count.

    Args:
        bot: The name to show.
        samples: The samples of its `/metrics`.
        now: Unix seconds of the scrape.
        limit: Seconds after which any sign is late; by default the thresholds of the shipped alerts.

    Returns:
        The judgement.
    """
    groups = by_name(samples)
    if not any(name.startswith(("tradmetrics_", "trading_")) for name in groups):
        return Watched(bot, "SILENT", "the endpoint has no metric of tradmetrics")
    if not _has_recorded(groups):
        return Watched(bot, "SILENT", "no decorated function has recorded anything yet")
    uptime = max((each.value for each in groups.get(catalogue.SYSTEM_UPTIME.name, ())), default=None)
    orders = sum(each.value for each in groups.get(catalogue.ORDERS_SUBMITTED.name, ()))
    signals = list(_signals(groups, now, limit, uptime))
    judged = [each for each in signals if each.limit is not None]
    late = [each for each in judged if each.is_late]
    state: State = "LIVE" if not late else "SILENT" if len(late) == len(judged) else "DEGRADED"
    return Watched(
        bot,
        state,
        "; ".join(map(str, late)),
        orders,
        uptime if orders else None,
        signals,
        list(_remarks(groups)),
    )


def _has_recorded(groups: Mapping[str, Sequence[Sample]]) -> bool:
    """Whether any code of the bot has recorded: a counter above 0, an observation, or a gauge that was set."""
    own = {each.labels.get("metric", "") for each in groups.get(catalogue.SERIES.name, ())}
    for name, samples in groups.items():
        base = next((name.removesuffix(each) for each in _SUFFIXES if name.endswith(each)), name)
        definition = catalogue.BY_NAME.get(name) or catalogue.BY_NAME.get(base)
        if definition is None and not own & {name, base}:
            continue
        if {name, base} & _RECORD_NOTHING or name.endswith(("_sum", "_created")):
            continue
        is_gauge = definition is not None and definition.kind == "gauge"
        if is_gauge or any(each.value for each in samples):
            return True
    return any(each.value for each in groups.get(catalogue.SAMPLER_LAST_SUCCESS.name, ()))


def _signals(
    groups: Mapping[str, Sequence[Sample]], now: float, limit: float | None, uptime: float | None
) -> Iterator[Signal]:
    def age(value: float) -> float | None:
        return max(0.0, now - value) if value > 0 else None

    updates = [each.value for each in groups.get(catalogue.MARKET_DATA_LAST_UPDATE.name, ())]
    if updates:
        is_closed = _is_zero(groups.get(catalogue.MARKET_SESSION_OPEN.name, ()))
        yield Signal("market data", age(max(updates)), None if is_closed else limit or DATA_LIMIT)
    oldest = max((each.value for each in groups.get(catalogue.ORDER_OLDEST_OPEN.name, ())), default=0.0)
    if oldest:
        yield Signal("oldest open order", oldest, None)  # a limit order may rest for days
    for sample in groups.get(catalogue.HEARTBEAT.name, ()):
        yield Signal(f"heartbeat {sample.labels.get('loop', '')}", age(sample.value), limit or HEARTBEAT_LIMIT)
    for sample in groups.get(catalogue.SAMPLER_LAST_SUCCESS.name, ()):
        allowed = limit or SAMPLER_LIMIT
        # A sampler of a bot that has just started may still be at its first call.
        is_young = not sample.value and uptime is not None and uptime <= allowed
        yield Signal(f"sampler {sample.labels.get('function', '')}", age(sample.value), None if is_young else allowed)


def _is_zero(samples: Iterable[Sample]) -> bool:
    values = [each.value for each in samples]
    return bool(values) and not any(values)


def _remarks(groups: Mapping[str, Sequence[Sample]]) -> Iterator[str]:
    if _is_zero(groups.get(catalogue.MARKET_SESSION_OPEN.name, ())):
        yield "the market is closed"
    stale = sum(each.value for each in groups.get(catalogue.MARKET_DATA_STALE.name, ()))
    if stale:
        yield f"{counted(stale, 'symbol')} with stale data"
    errors = sum(each.value for each in groups.get(catalogue.INSTRUMENTATION_ERRORS.name, ()))
    if errors:
        yield f"{counted(errors, 'error')} inside the instrumentation"
    if not any(groups.get(name) for name in _AGED):
        yield "no market data, heartbeat or sampler tells whether it still works"


def counted(number: float, thing: str) -> str:
    """Return a number of things: `1 order`, `2,000 orders`."""
    return f"{number:,.0f} {thing}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `0.4 s`, `90 s`, `12 min`, `3.5 h`, `2.1 d`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"
