"""Labels that no source yields: named once in the log, with the line to write, and shown as a metric."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.lookups import RESULT, Lookup
from tradmetrics.errors import is_interruption
from tradmetrics.model.missing import MISSING

_EXAMPLES: Final = {"side": "BUY", "order_type": "LIMIT", "method": "GET", "severity": "error"}


def is_unsourced(lookup: Lookup) -> bool:
    """Return whether the user gave no source for a field, so that its places are only guesses."""
    return not lookup.is_explicit and lookup.function is None and lookup.constant is MISSING


def note_unsourced(call: CallContext, names: Iterable[str], noted: set[str], consequence: str = "") -> None:
    """Report each label of a call that has no value because no source yields it, once for each function.

    Args:
        call: The call, after its labels were read.
        names: The labels that it recorded.
        noted: The labels of this function that were reported; added to.
        consequence: The effect of the missing label; by default, that it is recorded as `unknown`.
    """
    lookups = call.site.compiled.lookups
    for name in names:
        lookup = lookups.get(name)
        if lookup is None or name in noted or not is_unsourced(lookup) or call.label(name) not in (None, MISSING):
            continue
        noted.add(name)
        try:
            call.metrics.note_unsourced(call.site.name, name, _message(name, lookup, consequence))
        except BaseException as error:
            if is_interruption(error):
                raise


def _message(name: str, lookup: Lookup, consequence: str) -> str:
    if consequence:
        return (
            f"no source yields {name!r}: {consequence} ({searched(lookup)}); write {name}=arg('…') or "
            f"{name}=result('…')"
        )
    example = _EXAMPLES.get(name, "…")
    return (
        f"no source yields the label {name!r}, so it is recorded as 'unknown' ({searched(lookup)}); write "
        f"{name}={example!r}, {name}=arg('…') or {name}=result('…'), or {name}='unknown' if nobody can know"
    )


def searched(lookup: Lookup) -> str:
    """Return the places of a field in words."""
    owners: dict[str, list[str]] = {}
    for place in lookup.places:
        owner = "the result" if place.root is RESULT else "the parameters" if place.is_parameter else place.steps[0]
        owners.setdefault(owner, []).append(place.steps[-1])
    if not owners:
        return "no parameter has its name, and nothing else can hold it"
    return "searched in " + " and in ".join(f"{owner} for {', '.join(words)}" for owner, words in owners.items())
