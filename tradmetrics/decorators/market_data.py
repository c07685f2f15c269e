"""`track_market_data`: updates, their age, and symbols that fall silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import RAISED, RETURNED, AfterCall, Recipe, Rule
from tradmetrics.capture.repeating import Repeat
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.missing import MISSING
from tradmetrics.record.arrival import DEFAULT_STALE_AFTER, arrival
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.times import UNITS, Unit, age_of

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (Field("symbol", required=True, in_result_too=True), Field("timestamp"))
_AGED: Final = "aged"
_ARRIVED: Final = frozenset({RETURNED, _AGED})
_RULES: Final = (
    Rule(catalogue.MARKET_DATA_UPDATES, when=_ARRIVED),
    Rule(catalogue.MARKET_DATA_AGE, when=frozenset({_AGED}), value="age"),
)


@overload
def track_market_data(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_market_data(
    function: None = None,
    /,
    *,
    symbol: LabelSource | None = None,
    timestamp: LabelSource | None = None,
    unit: Unit = "s",
    stale_after: float = DEFAULT_STALE_AFTER,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_market_data(
    function: Callable[..., Any] | None = None,
    /,
    *,
    symbol: LabelSource | None = None,
    timestamp: LabelSource | None = None,
    unit: Unit = "s",
    stale_after: float = DEFAULT_STALE_AFTER,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the market data that a function receives.

    Each call that returns counts in `trading_market_data_updates_total` and sets
    `trading_market_data_last_update_timestamp_seconds`. With a timestamp, the data's age (now − timestamp) goes into
    `trading_market_data_age_seconds`. Data that is up to half a second ahead of this machine's clock has the age 0.
    A time that is further ahead, before 2000, or more than ten years old is dropped and counted as an error. A missing
    time (None, a blank text, `-`, `N/A`) counts no error. `trading_market_data_stale` counts, when scraped, the symbols
    silent for longer than `stale_after`, and `metrics.is_stale(symbol)` lets a strategy ask.

    Example:
        ```python
        from tradmetrics import arg, track_market_data


        @track_market_data(symbol=arg("tick.symbol"), timestamp=arg("tick.exchange_time"), unit="ms")
        def on_tick(tick): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        symbol: Source of the symbol. Default: the first of `symbol`, `ticker`, `instrument`, `tradingsymbol` and `pair`
            among the parameters, in `**kwargs`, and in the keys and attributes of the parameter `tick` and of the
            result.
        timestamp: Source of the data's own time: an aware datetime, a naive one read as UTC, or a number of `unit`s
            since the epoch; by default the parameter of that name, or `tick.timestamp`. ISO 8601 texts and
            `numpy.datetime64` are times too.
        unit: The unit of a numeric timestamp: `s`, `ms`, `us` or `ns`.
        stale_after: Seconds of silence after which a symbol is stale.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `symbol` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `unit` is unknown or `stale_after` is not above zero.
    """
    if unit not in UNITS:
        raise ConfigurationError(f"track_market_data: unit is one of {', '.join(UNITS)}, not {unit!r}")
    if isinstance(stale_after, bool) or not isinstance(stale_after, int | float) or not 0 < stale_after < math.inf:
        raise ConfigurationError(f"track_market_data: stale_after is seconds above zero, not {stale_after!r}")

    def outcome(reading: CallContext) -> str:
        if reading.exception is not None:
            return RAISED
        raw = reading("timestamp")
        if raw is None or raw is MISSING:
            return RETURNED
        now = reading.now()
        if now is None:
            return RETURNED
        try:
            age = age_of(raw, now, unit)
        except Exception as error:
            reading.fault("value", error)
            return RETURNED
        reading.put("age", age)
        return _AGED

    def arrived(reading: CallContext) -> AfterCall:
        note = arrival(reading.metrics, reading("symbol"), float(stale_after))
        return lambda call: note()

    recipe = Recipe(
        "track_market_data",
        _FIELDS,
        _RULES,
        outcome=outcome,
        repeat=Repeat(absent=("timestamp",), seconds=False),
        after_call=arrived,
        also=(catalogue.MARKET_DATA_LAST_UPDATE,),
    )
    return decorate(function, recipe, {"symbol": symbol, "timestamp": timestamp}, metrics, precreate, exemplar)
