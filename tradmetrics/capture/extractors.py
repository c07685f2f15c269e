"""The fast way to a call's labels: a function of the very parameters that a decorated function has.

CPython binds arguments to parameters faster than any Python code could, so the work is left to it: for a function
`place(side, order_type="LIMIT")` the extractor is, in effect,

    lambda side, order_type="LIMIT": (side, order_type)

and calling it with the call's own arguments gives the raw label values in one step, however they were passed.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from inspect import Parameter
from typing import Any, Final

from tradmetrics.capture.sources import Arg, Call
from tradmetrics.storage.label_keys import SAFE_ENUMS, unsafe

FieldReader = Callable[[Call], Any]

_MOST_CLASSES: Final = 1_000


class Compiled:
    """The sources of one decorated function, ready to read.

    Attributes:
        sources: What each field is read from: a constant, a `Source`, a callable, or None when it is looked up in the
            result or nowhere.
        readers: A function of the finished call for each field.
        parameters: The function's parameters.
        bind: A function of a call's arguments to these by parameter name.
    """

    __slots__ = ("_implicit", "bind", "parameters", "readers", "sources")

    def __init__(
        self,
        sources: dict[str, Any],
        readers: dict[str, FieldReader],
        parameters: tuple[Parameter, ...],
        implicit: Mapping[str, tuple[tuple[str, ...], ...]],
    ) -> None:
        self.sources = sources
        self.readers = readers
        self.parameters = parameters
        self._implicit = implicit
        names = ", ".join(f"{each.name!r}: {each.name}" for each in parameters)
        # Where the parameters cannot be written in Python, they stay as they came.
        self.bind: Callable[..., Mapping[str, Any]] = _with_signature(parameters, f"{{{names}}}", {}) or _as_they_came

    def extractor(
        self, labels: Iterable[str], absent: Iterable[str] = ()
    ) -> Callable[..., tuple[Any, ...] | None] | None:
        """Compile a function of the call's arguments to the raw values of the labels that come from them.

        It returns None where a value is not safe to compare as part of a key: equal keys must mean equal labels, and
        `1`, `True` and `1.0` are equal. Only exact `str` and members of plain enums are safe.

        Args:
            labels: Names of fields.
            absent: Names of fields that decide the outcome; the function returns None when an argument has one.

        Returns:
            The function, or None when one of the labels comes from elsewhere than arguments and constants.
        """
        codes: list[str] = []
        for name in self.varying(labels):
            source = self.sources[name]
            if type(source) is not Arg or (name in self._implicit and name in absent):
                return None
            code = _path_code(source.path)
            if code is None or source.path[0] not in {each.name for each in self.parameters}:
                return None
            codes.append(code)
        conditions: list[str] = []
        for name in absent:
            if self.only_from_result(name):
                continue
            for path in self._implicit.get(name, ((),)):
                if len(path) != 2:
                    return None
                subject, step = path
                conditions.append(
                    f"({subject}.get({step!r}) is None if _tm_type({subject}) is _tm_dict "
                    f"else _tm_getattr({subject}, {step!r}, None) is None and _tm_is_no_mapping({subject}))"
                )
        variables = [f"_tm_{i}" for i in range(len(codes))]
        checks = [
            f"(_tm_type({variable} := {code}) is _tm_str or _tm_type({variable}) in _tm_enums)"
            for variable, code in zip(variables, codes, strict=True)
        ]
        body = f"({''.join(f'{variable}, ' for variable in variables)})"
        if checks:
            body = f"{body} if {' and '.join(checks)} else _tm_unsafe({', '.join(codes)})"
        if conditions:
            body = f"({body}) if {' and '.join(conditions)} else None"
        scope = {
            "_tm_type": type, "_tm_str": str, "_tm_enums": SAFE_ENUMS, "_tm_unsafe": unsafe, "_tm_dict": dict,
            "_tm_getattr": getattr, "_tm_isinstance": isinstance, "_tm_is_no_mapping": _is_no_mapping,
        }  # fmt: skip
        return _with_signature(self.parameters, body, scope)

    def varying(self, labels: Iterable[str]) -> list[str]:
        """Those of the labels that an extractor extracts, in its order: not constants, nor what only a result has."""
        return [
            name
            for name in sorted(labels)
            if not self.only_from_result(name) and not isinstance(self.sources[name], str | int | float | Enum)
        ]

    def known(self, keywords: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those of a call's keyword arguments that the signature has: a wrapper beneath may take more for itself."""
        names = {each.name for each in self.parameters}
        return {name: value for name, value in keywords.items() if name in names}

    def only_from_result(self, name: str) -> bool:
        """Whether a field was left out and no parameter can have it, so that a result of None settles it."""
        return self.sources[name] is None and name not in self._implicit


def _as_they_came(*args: Any, **kwargs: Any) -> Mapping[str, Any]:
    return {"args": args, "kwargs": kwargs, **kwargs}


_STARS: Final[Mapping[Any, str]] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}

_no_mappings: Final[set[type]] = set()


def _is_no_mapping(value: object) -> bool:
    """Whether a value's attributes are all that there is to look up in it."""
    kind = type(value)
    if kind in _no_mappings:
        return True
    if isinstance(value, Mapping):
        return False
    if len(_no_mappings) < _MOST_CLASSES:
        _no_mappings.add(kind)
    return True


def _path_code(path: tuple[str, ...]) -> str | None:
    """Python code for the common shapes of a path; whatever else there is, `follow` finds when this fails."""
    code = path[0]
    for step in path[1:]:
        if not step.isidentifier() or keyword.iskeyword(step):
            return None
        # Mangled names and the like read the same way: the code is not inside a class. Asking whether the key is there
        # keeps a defaultdict as it is: reading what it lacks would put it there.
        code = f"(_tm_v[{step!r}] if _tm_isinstance(_tm_v := {code}, _tm_dict) and {step!r} in _tm_v else _tm_v.{step})"
    return code


def _with_signature(parameters: Iterable[Parameter], body: str, scope: dict[str, Any]) -> Callable[..., Any] | None:
    """A lambda of these parameters; None when they cannot be written in Python."""
    texts: list[str] = []
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    previous: Any = None
    for each in parameters:
        if not each.name.isidentifier() or keyword.iskeyword(each.name) or each.name.startswith("_tm_"):
            return None
        if previous is Parameter.POSITIONAL_ONLY and each.kind is not Parameter.POSITIONAL_ONLY:
            texts.append("/")
        if each.kind is Parameter.KEYWORD_ONLY and previous not in (Parameter.KEYWORD_ONLY, Parameter.VAR_POSITIONAL):
            texts.append("*")
        previous = each.kind
        default = "" if each.default is Parameter.empty else "=None"
        if default and each.kind is Parameter.KEYWORD_ONLY:
            keywords[each.name] = each.default
        elif default:
            positional.append(each.default)
        stars = _STARS.get(each.kind, "")
        texts.append(f"{stars}{each.name}{default}")
    if previous is Parameter.POSITIONAL_ONLY:
        texts.append("/")
    function: Any = eval(f"lambda {', '.join(texts)}: {body}", scope)
    function.__defaults__ = tuple(positional) or None
    function.__kwdefaults__ = keywords or None
    return function  # type: ignore[no-any-return]
