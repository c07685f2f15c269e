"""The testing kit: what tests of instrumented code assert, and what property tests of its labels draw.

The pytest fixture `trading_metrics` comes with the installed package (see `_tradmetrics_pytest`):

    from tradmetrics.testing import assert_metric, metric_delta

    def test_an_order_counts(trading_metrics):
        with metric_delta("trading_orders_submitted_total", 1, side="BUY"):
            place(side="buy")
        assert_metric("trading_orders_filled_total", 0)

A property test of the labels of a decorated function, in five lines; it needs hypothesis:

    from desk import place
    from tradmetrics.testing import assert_cardinality_bounded, call_arguments

    def test_labels_of_place_are_bounded():
        assert_cardinality_bounded(place, call_arguments(place))
"""

# pytest imports this package in every session of anyone who has tradmetrics installed, so a name is loaded when it is
# first used: hypothesis and the engine cost nothing until a test asks for them.

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tradmetrics.testing.arguments import CallArguments, call_arguments
    from tradmetrics.testing.asserts import assert_metric, metric_delta
    from tradmetrics.testing.bounded import assert_cardinality_bounded
    from tradmetrics.testing.labels import label_values
    from tradmetrics.testing.subjects import orders, trades

__all__ = [
    "CallArguments",
    "assert_cardinality_bounded",
    "assert_metric",
    "call_arguments",
    "label_values",
    "metric_delta",
    "orders",
    "trades",
]

_HOMES: Final = {
    "CallArguments": "arguments",
    "assert_cardinality_bounded": "bounded",
    "assert_metric": "asserts",
    "call_arguments": "arguments",
    "label_values": "labels",
    "metric_delta": "asserts",
    "orders": "subjects",
    "trades": "subjects",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            module = import_module(f"{__name__}.{home}")
        except ModuleNotFoundError as error:
            if error.name != "hypothesis":
                raise
            raise ImportError(f"{__name__}.{name} draws with hypothesis: pip install hypothesis") from None
        value = globals()[name] = getattr(module, name)
        return value

    def __dir__() -> list[str]:
        return __all__
