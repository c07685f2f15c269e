"""The vocabulary tables and the labels' budgets."""

from collections.abc import Iterable

from docs.tools.markdown import codes, generated, table
from tradmetrics import Limits, catalogue
from tradmetrics.vocabulary import words as spellings
from tradmetrics.vocabulary.words import UNCHANGED

_INTRODUCTION = """# Vocabulary and budgets

Brokers spell the same thing in many ways. Labels with a closed set of values fold these spellings into one word, so
that a query for `side="BUY"` finds the orders of every broker. Case does not matter, nor does `-`, `_` or a blank
between words, and the value of an enum member is read before its name.

The first column of spellings holds without any dialect. A dialect adds its broker's own on top:
`track_order(dialect="ib")`, `OrderTracker(dialect="fix")`. Bare numbers and single letters of FIX mean something
under a dialect only. `register_spellings` adds your own, see [Label sources and vocabulary](api/sources.md)."""

_LABELS = (
    ("side", "Side", catalogue.SIDES, spellings.SIDE, "What is not recognised becomes `unknown`, and is counted."),
    (
        "order_type",
        "Order type",
        catalogue.ORDER_TYPES,
        spellings.ORDER_TYPE,
        "Whatever begins with `TRAIL` is a `TRAILING_STOP`. What is not recognised becomes `OTHER`, and is counted.",
    ),
    (
        "status",
        "Order status",
        (*catalogue.TRADE_STATUSES, UNCHANGED),
        spellings.STATUS,
        "`executed` and `failed` are states of trades alone. `unchanged` leaves an order as it was. Where a broker "
        "reports quantities, they win over its word: ccxt's `closed` is `filled` or `cancelled` by them alone. "
        "A word spelled as in the first column stands for itself in every dialect, so that here case can matter: "
        'under `dialect="ib"`, `Submitted` is `accepted` and `submitted` is `submitted`.',
    ),
    ("severity", "Severity", catalogue.SEVERITIES, spellings.SEVERITY, "Severities have no dialects."),
)


def page() -> str:
    """Return the page."""
    parts = [generated(), _INTRODUCTION]
    for _, title, words, declared, note in _LABELS:
        dialects = [dialect for dialect in declared if dialect is not None]
        rows = [
            (f"`{word}`", *(codes(declared[dialect].get(word, ())) for dialect in (None, *dialects))) for word in words
        ]
        parts += [f"## {title}", note, table(("Word", "Spellings", *(f"`{each}`" for each in dialects)), rows)]
    parts += [
        "## Position side",
        "`LONG` and `SHORT` name positions, not orders: they fold only where a call is known to open one.",
        table(
            ("Word", "Spellings"), [(f"`{word}`", codes(each)) for word, each in spellings.POSITION_SIDE[None].items()]
        ),
        "## Budgets of open labels",
        "Distinct values that a label may have in one metric, unless [`Limits`][tradmetrics.Limits] says otherwise. "
        f"Besides, a metric has at most {Limits().default_series} series. `__other__` and `unknown` are outside every "
        "budget.",
        table(("Label", "Values", "Metrics"), _budgets()),
        "## Anomalies",
        "The values of `kind` in [trading_order_anomalies_total](metrics.md#trading_order_anomalies_total). What they "
        "mean is in [The life of an order](../explanation/order-lifecycle.md#anomalies).",
        codes(catalogue.ANOMALIES),
    ]
    return "\n\n".join(parts) + "\n"


def _budgets() -> Iterable[tuple[str, str, str]]:
    labels: dict[str, list[str]] = {}
    for definition in catalogue.CATALOGUE:
        for label in definition.labels:
            if label.values is None and definition.guarded:
                labels.setdefault(label.name, []).append(definition.name)
    for label, names in sorted(labels.items()):
        yield f"`{label}`", str(Limits().label_budget(names[0], label)), str(len(names))
