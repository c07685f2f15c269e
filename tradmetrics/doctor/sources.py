"""Ask a running system what it exposes: the endpoint itself, or a Prometheus that scrapes it."""

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from tradmetrics.catalogue import CATALOGUE
from tradmetrics.doctor.findings import Sample
from tradmetrics.doctor.known import TARGET_LABELS, Known

_SECONDS: Final = 4.0
_MOST_BYTES: Final = 48 * 2**20


class UnreachableError(Exception):
    """A running system did not answer, or answered with something else than metrics."""


def read_endpoint(url: str, known: Known) -> list[Sample]:
    """Read a `/metrics` endpoint, and add what it exposes to the metrics that are known.

    Args:
        url: Its URL; `user:password@` before the host becomes basic authentication.
        known: The metrics that exist; added to.

    Returns:
        The samples.

    Raises:
        UnreachableError: When it does not answer with metrics.
    """
    text = _get(url)
    try:
        samples = [
            Sample(sample.name, dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
    except ValueError as error:
        raise UnreachableError(f"{shown(url)}: it does not serve metrics: {error}") from None
    if not samples:
        raise UnreachableError(f"{shown(url)}: it does not serve metrics")
    known.add_samples(samples)
    return samples


def read_prometheus(url: str, known: Known, names: Iterable[str]) -> list[Sample]:
    """Read the catalogue's metrics from a Prometheus, and the labels of every metric that queries name.

    Args:
        url: The URL of its web interface; `user:password@` before the host becomes basic authentication.
        known: The metrics that exist; added to.
        names: Metrics that queries name.

    Returns:
        The samples that the catalogue's metrics have now.

    Raises:
        UnreachableError: When it does not answer as Prometheus does.
    """
    there = set(_api(url, "label/__name__/values"))
    for name in sorted(there & set(names)):
        known.add(name, TARGET_LABELS | set(_api(url, "labels", ("match[]", name))) - {"__name__"})
    wanted = "|".join(f"{each.name}_count" if each.kind == "histogram" else each.name for each in CATALOGUE)
    answer = _api(url, "query", ("query", f'{{__name__=~"{wanted}"}}'))
    try:
        return [
            Sample(series["metric"]["__name__"], series["metric"], float(series["value"][1]))
            for series in answer["result"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreachableError(f"{shown(url)}: the server there is not a Prometheus: {error!r}") from None


def metrics_url(address: str) -> str:
    """Return the URL of a bot's `/metrics` by `8000`, `host:8000`, or a URL with or without a path."""
    text = address.strip()
    if text.isdecimal():
        text = f"127.0.0.1:{text}"
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return text  # it is refused when it is read
    return urllib.parse.urlunsplit(parts._replace(path="/metrics")) if parts.path in ("", "/") else text


def _api(url: str, path: str, *parameters: tuple[str, str]) -> Any:
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    try:
        answer = json.loads(_get(f"{url.rstrip('/')}/api/v1/{path}{query}"))
        return answer["data"]
    except (ValueError, KeyError, TypeError):
        raise UnreachableError(f"{shown(url)}: the server there is not a Prometheus") from None


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and keeps the password on the host that it was given for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and _origin(following.full_url) != _origin(req.full_url):
            following.remove_header("Authorization")
        return following


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _get(url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UnreachableError(f"{shown(url)}: the URL must begin with http:// or https:// and a host")
        request = urllib.request.Request(_without_secret(parts))
        if parts.username is not None:
            secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            request.add_header("Authorization", f"Basic {base64.b64encode(secret.encode()).decode()}")
        with urllib.request.build_opener(_SameOrigin()).open(request, timeout=_SECONDS) as answer:
            return _bounded(answer).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnreachableError(f"{shown(url)}: {reason}") from None


def _bounded(answer: Any) -> bytes:
    """Read an answer, but not for ever: a server may never stop sending."""
    parts: list[bytes] = []
    size, until = 0, time.monotonic() + _SECONDS
    while part := answer.read1(65_536):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise ValueError(f"the answer is larger than {_MOST_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise ValueError(f"the answer was not complete after {_SECONDS:g} s")
    return b"".join(parts)


def _without_secret(parts: urllib.parse.SplitResult) -> str:
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shown(url: str) -> str:
    """Return the URL as it may be shown: without a password and without the query."""
    try:
        parts = urllib.parse.urlsplit(url)
        return _without_secret(parts._replace(query=""))
    except ValueError:
        return "the URL"
