"""The bots that the board watches: their addresses, names and how to get in."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from tradmetrics.errors import ConfigurationError


@dataclass(frozen=True)
class Target:
    """One bot.

    Attributes:
        url: Address of its `/metrics`, without credentials.
        name: The label `instance`: host and port.
        job: The label `job`.
        authorization: The header to send; empty for none. Never shown.
    """

    url: str
    name: str
    job: str
    authorization: str = ""

    def __repr__(self) -> str:
        return f"Target({self.url!r}, name={self.name!r})"


def read(addresses: Iterable[str], job: str, *, token: str = "") -> tuple[list[Target], list[str]]:
    """Read the addresses of bots.

    Args:
        addresses: Each `http://host:8000/metrics`, `host:8000` or `8000`; `user:password@` before the host for basic
            authentication.
        job: The label `job` that the rules expect.
        token: A bearer token for the bots whose address has no credentials.

    Returns:
        The targets, and what to tell the reader about the addresses.

    Raises:
        ConfigurationError: An address cannot be read.
    """
    targets: list[Target] = []
    remarks: list[str] = []
    taken: dict[str, int] = {}
    for address in addresses:
        url, name, authorization = _parts(address)
        if not authorization and token:
            authorization = f"Bearer {token}"
        if any(each.url == url for each in targets):
            remarks.append(f"{url} was given twice; it is watched once")
            continue
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            remarks.append(f"two bots have the name {name}; {url} is shown as {name} ({taken[name]})")
            name = f"{name} ({taken[name]})"
        targets.append(Target(url, name, job, authorization))
    return targets, remarks


def server(address: str, *, token: str = "") -> Target:
    """Read the address of a Prometheus.

    Args:
        address: Such as `http://user:password@host:9090/prefix`.
        token: A bearer token, if the address has no credentials.

    Raises:
        ConfigurationError: It cannot be read.
    """
    url, name, authorization = _parts(address, "", "http://host:9090")
    return Target(url, name, "", authorization or (f"Bearer {token}" if token else ""))


def _parts(address: str, page: str = "/metrics", example: str = "http://host:8000/metrics") -> tuple[str, str, str]:
    text = address.strip()
    if text.isdigit():
        text = f"127.0.0.1:{text}"
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _unreadable(address, example) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _unreadable(address, example)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    name = f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    path = parts.path if parts.path not in ("", "/") else page
    place = host if port is None else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, path, parts.query, "")), name, authorization


def _unreadable(address: str, example: str) -> ConfigurationError:
    without_password = address.rpartition("@")[2]
    return ConfigurationError(f"cannot read the address {without_password!r}; write {example}")
