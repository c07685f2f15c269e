"""An address into the template of its path: no host, no credentials, no query, `{id}` for each id.

| address | endpoint |
|---|---|
| `https://user:pw@api.example.com/v2/orders/1004?apiKey=K3Y#top` | `/v2/orders/{id}` |
| `/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d` | `/v2/orders/{id}` |
| `/v2/orders/5f43a1c99e3b2a00d1e0c7aa/legs` | `/v2/orders/{id}/legs` |
| `/oms/orders/order-1000` | `/oms/orders/{id}` |
| `/v2/positions/AAPL`, `/orders/{order_id}`, `/0/private/AddOrder`, `orders.create` | unchanged |

A part of the path is an id if it consists of digits, hexadecimal digits (8 or more, digits and letters among them),
or a UUID or ULID; if it is a name with three or more digits after `-` or `_`, or with four or more digits right
after its letters; or if it is a token of 20 or more characters. Symbols stay, those of contracts too:
`endpoint_template=` folds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, TypeAlias, Union
from urllib.parse import unquote

from tradmetrics.errors import ConfigurationError
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.vocabulary.symbols import underlying_of

EndpointTemplate: TypeAlias = Union[str, Iterable[str], Callable[[str], object]]
"""Values that `endpoint_template=` takes."""

ENDPOINT: Final = "endpoint"
"""The label whose values are templates of paths."""
ID: Final = "{id}"
_LONGEST: Final = 2_048
"""Characters of an address that are looked at."""
_LONGEST_CACHED: Final = 256

_VERB: Final = re.compile(r"[A-Z]{3,7} +(?=\S)")  # "GET https://…"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//)")
# A host without a scheme before it: it has a user, a port or a top-level domain.
_HOST: Final = re.compile(r"(?:[^/?#]*@[^/?#]*|[\w.-]+:\d+|[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})(?=/)")
_AFTER_PATH: Final = re.compile(r"[?#]")

_ID: Final = re.compile(
    r"""
      [0-9][0-9,_-]*                                         # 1004, 1004,1005, 2026-11-30
    | 0[xX][0-9a-fA-F]{6,}
    | (?=[0-9a-fA-F-]*[0-9])(?=[0-9a-fA-F-]*[a-fA-F])[0-9a-fA-F]{8}[0-9a-fA-F-]*
    | [0-9a-fA-F]{16,}
    | \{?[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?
    | [A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{6}                    # Kraken's: OQCLML-BW3P3-BUCMWZ
    """,
    re.VERBOSE,
)
_TAIL: Final = re.compile(r"[^\W\d_][\w-]*?(?:[-_][0-9]{3,}|(?<=[^\W\d_])[0-9]{4,})")
_TOKEN: Final = re.compile(r"(?=(?:[^0-9]*[0-9]){4})(?=.*[^\W\d_])[\w.:~+=@-]{20,}")


def endpoint_of(address: str) -> str:
    """Return the template of an address's path; see the table above. A template stays as it is."""
    return _cached(address) if len(address) <= _LONGEST_CACHED else _template(address[:_LONGEST])


def _template(address: str) -> str:
    address = address.strip()
    verb = _VERB.match(address)
    start = verb.group() if verb else ""
    path = _path(address[len(start) :])
    if "/" not in path:
        return start + path  # a name, not a path; identifiers among names are the guard's
    return start + "/".join(part if _stays(part, place) else ID for place, part in enumerate(path.split("/")))


_cached = lru_cache(maxsize=4096)(_template)


def _path(address: str) -> str:
    had_text = bool(address)
    scheme = _SCHEME.match(address)
    if scheme is not None or address.startswith("//"):
        rest = address[scheme.end() if scheme else 0 :].lstrip("/")
        slash = re.search("[/?#]", rest)
        address = rest[slash.start() :] if slash else ""
    else:
        host = _HOST.match(address)
        address = address[host.end() :] if host else address
    path = _AFTER_PATH.split(address, maxsplit=1)[0]
    if ";" in path:
        path = "/".join(part.split(";", 1)[0] for part in path.split("/"))
    return path or ("/" if had_text else "")


def _stays(part: str, place: int) -> bool:
    if not part or "{" in part or "<" in part:
        return True
    text = unquote(part) if "%" in part else part
    if place <= 1 and len(text) == 1:
        return True  # the version of an interface: /0/private/AddOrder
    if _ID.fullmatch(text.removesuffix(".json")):
        return False
    looks_like_id = _TAIL.fullmatch(text) or _TOKEN.fullmatch(text) or is_identifier(text)
    return not looks_like_id or underlying_of(text) != text


def endpoint_templates(given: EndpointTemplate | None, where: str) -> Callable[[object], object] | None:
    """Return a function of an endpoint's raw value to its label, or None if nothing was given.

    Args:
        given: A template such as `/v2/positions/{symbol}`, several of them, or a function of the address. An address
            that no template matches is read as usual.
        where: The decorator, for messages.

    Raises:
        ConfigurationError: If it is something else, or a template has no `{name}` in it.
    """
    if given is None:
        return None
    if callable(given):
        function = given
        return lambda value: function(value) if isinstance(value, str) else value
    texts: list[Any] = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    for each in texts:
        if not isinstance(each, str) or not re.search(r"\{\w+\}", each):
            raise ConfigurationError(
                f"{where}: endpoint_template={each!r}: write a path with names in braces, such as "
                "'/v2/positions/{symbol}', a list of such paths, or a function that takes the address"
            )
    patterns = [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(each))), each) for each in texts]

    def label(value: object) -> object:
        if not isinstance(value, str):
            return value
        path = _path(value[:_LONGEST].strip())
        return next((template for pattern, template in patterns if pattern.fullmatch(path)), value)

    return label
