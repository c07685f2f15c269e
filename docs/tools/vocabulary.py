"""The page of the vocabulary: words for labels, words for their values, and the labels' budgets."""

from collections.abc import Iterable

from docs.tools.markdown import codes, generated, table
from tradmetrics import Limits, catalogue
from tradmetrics.vocabulary import words as spellings
from tradmetrics.vocabulary.field_words import FIELD_WORDS, SUBJECTS
from tradmetrics.vocabulary.words import CLOSED, UNCHANGED


def _listed(words: Iterable[str]) -> str:
    *others, last = [f"`{word}`" for word in words]
    return f"{', '.join(others)} or {last}"


_INTRODUCTION = """# Vocabulary and budgets

Brokers spell the same thing in many ways. Labels with a closed set of values fold these spellings into one word, so
that a query for `side="BUY"` finds the orders of every broker. Case does not matter, nor do `-`, `_` and blanks, and
the value of an enum member is read before its name. `OrderStatus.FILLED` and `ORDER_STATE_FILLED` read as `FILLED`.

The tables of values hold for every broker. A [dialect](#dialects) adds the words of one venue or library, for
`track_order(dialect="binance")` or `OrderTracker(dialect="fix")`. Bare numbers and the letters of FIX mean something
under a dialect only. `register_spellings` adds your own words, see
[Label sources and vocabulary](api/sources.md). The log names each unknown word once, with the call to paste."""

_LABELS = (
    (
        "Side",
        catalogue.SIDES,
        spellings.SIDE,
        "A word that is not in the table becomes `unknown`, and is counted as an error.",
    ),
    (
        "Order type",
        catalogue.ORDER_TYPES,
        spellings.ORDER_TYPE,
        "Words that begin with `TRAIL` are `TRAILING_STOP`. A word that is not in the table becomes `OTHER`. "
        "`STOP_LOSS` is a stop at Binance and a stop limit at Dhan, so it needs a dialect.",
    ),
    (
        "Order status",
        (*catalogue.TRADE_STATUSES, UNCHANGED, CLOSED),
        spellings.STATUS,
        "`unchanged` leaves an order as it was. `closed` is `filled` or `cancelled`, as the quantities say. `executed` "
        "and `failed` are states of trades; for an order they mean `filled` and `rejected`. `filled` ends an order "
        "whatever its quantities; other words give way to the quantities, if the broker reports them. A word spelled "
        'as in the first column stands for itself in every dialect, so case can matter there: under `dialect="ib"`, '
        "`Submitted` is `accepted` and `submitted` is `submitted`.\n\n"
        f"A status that no table has is read by its ending: words that end in {_listed(spellings.ENDS)} are that end "
        f"(`reduceOnlyCanceled`). After {_listed(spellings.NO_ENDS)} the order goes on (`cancel_rejected`).",
    ),
    ("Severity", catalogue.SEVERITIES, spellings.SEVERITY, "Severities have no dialects."),
)

_FIELD_WORDS = """## Words for labels and values {{ #field-words }}

If you leave a label out of a decorator, the decorator looks for it under these words. It takes the first place that has
a value:

1. the function's parameter of that name;
2. a keyword in the function's `**kwargs`;
3. a key or an attribute of the subject: a parameter with one of the names {subjects}, or else the only parameter that
   does not hold a plain value;
4. a key or an attribute of the result.

The words of a row are tried from left to right. A label that is not in the table is looked for under its own name. A
required label (`strategy`, `symbol`) must have a place among the parameters. An only parameter of another name counts
for it if it is annotated with a class. A result that is itself a number is the P&L of `track_trade`."""


def _field_words() -> Iterable[str]:
    yield _FIELD_WORDS.format(subjects=codes(SUBJECTS))
    yield table(("Label or value", "Words"), [(f"`{name}`", codes(words)) for name, words in FIELD_WORDS.items()])
    yield (
        "A label that no place yields reads `unknown`. The log names it at the first call, "
        "[tradmetrics_unsourced_labels](metrics.md#tradmetrics_unsourced_labels) shows it, and `tradmetrics check` "
        "flags it before the bot runs."
    )


def page() -> str:
    """Return the page."""
    parts = [generated(), _INTRODUCTION, *_field_words()]
    for title, words, declared, note in _LABELS:
        rows = [(f"`{word}`", codes(declared[None].get(word, ()))) for word in words]
        parts += [f"## {title}", note, table(("Word", "Spellings"), rows)]
    parts += [
        "## Position side",
        "`LONG` and `SHORT` name positions, not orders: they fold only where a call is known to open one.",
        table(
            ("Word", "Spellings"), [(f"`{word}`", codes(each)) for word, each in spellings.POSITION_SIDE[None].items()]
        ),
        "## Dialects",
        "Words of a dialect come on top of the tables above, which hold in every dialect.",
        *_dialects(),
        "## Budgets of open labels",
        "Distinct values that a label may have in one metric, unless [`Limits`][tradmetrics.Limits] says otherwise. "
        f"Besides, a metric has at most {Limits().default_series} series. `__other__` and `unknown` are outside every "
        "budget.",
        table(("Label", "Values", "Metrics"), _budgets()),
        "## Anomalies",
        "The values of `kind` in [trading_order_anomalies_total](metrics.md#trading_order_anomalies_total). "
        "[The life of an order](../explanation/order-lifecycle.md#anomalies) explains them.",
        codes(catalogue.ANOMALIES),
    ]
    return "\n\n".join(parts) + "\n"


def _dialects() -> Iterable[str]:
    for dialect in sorted(spellings.DIALECTS):
        rows = [
            (title, f"`{word}`", codes(each))
            for title, _, declared, _ in _LABELS
            for word, each in declared.get(dialect, {}).items()
        ]
        yield f"### `{dialect}`"
        yield table(("Label", "Word", "Spellings"), rows) if rows else "The tables above are enough."


def _budgets() -> Iterable[tuple[str, str, str]]:
    labels: dict[str, list[str]] = {}
    for definition in catalogue.CATALOGUE:
        for label in definition.labels:
            if label.values is None and definition.guarded:
                labels.setdefault(label.name, []).append(definition.name)
    for label, names in sorted(labels.items()):
        yield f"`{label}`", str(Limits().label_budget(names[0], label)), str(len(names))
