"""What every endpoint shares: who may read, which format is meant, and the answer's text.

The text comes from prometheus_client, so it is what a scraper of any other Python program gets for the same request.
"""

import base64
import binascii
import gzip
import hmac
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias, Union
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted

from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.default import current, get_metrics
from tradmetrics.registry.metrics import checked
from tradmetrics.storage import worker_directory as multiprocess
from tradmetrics.storage.rendering import SharedWork, render

if TYPE_CHECKING:
    from tradmetrics.registry.metrics import TradingMetrics

_LOGGER = logging.getLogger(__name__)

METHODS: Final = ("GET", "HEAD")
"""The methods that an endpoint answers; all others get 405."""

Auth: TypeAlias = Union[str, tuple[str, str], None]
"""A bearer token, a `(user, password)` pair for basic authentication, or None for an endpoint open to all."""


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP answer, for whichever server sends it."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...]
    body: bytes


def plain(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> HttpResponse:
    """An answer of one line of text."""
    return HttpResponse(status, (("Content-Type", "text/plain; charset=utf-8"), *headers), f"{text}\n".encode())


def method_not_allowed() -> HttpResponse:
    """The answer to a method that is not among `METHODS`."""
    return plain(HTTPStatus.METHOD_NOT_ALLOWED, "405 Method Not Allowed; use GET", ("Allow", ", ".join(METHODS)))


class Endpoint:
    """Answers scrapes of one metrics object, or of all workers' metrics objects in multiprocess mode.

    Args:
        metrics: The metrics object; None stands for the process's default one at the time of each request.
        auth: A bearer token or a `(user, password)` pair that a request must carry. Both are compared in constant
            time, and neither is logged or shown.

    Raises:
        ConfigurationError: When `auth` could never be met, or the directory of multiprocess mode is missing or
            cannot be written.
    """

    def __init__(self, metrics: "TradingMetrics | None" = None, auth: Auth = None) -> None:
        self._metrics = checked(metrics, "the endpoint")
        self._allows, self._challenge = _guard(auth)
        self._renderings = SharedWork()
        if multiprocess.check():
            from tradmetrics.serving import worker_gauges as publishing  # only under several processes

            publishing.keep_publishing(self)

    def refusal(self, authorization: bytes | None) -> HttpResponse | None:
        """The answer to a request that may not read, or None when it may.

        Args:
            authorization: The request's Authorization header.
        """
        if self._allows(authorization or b""):
            return None
        return plain(HTTPStatus.UNAUTHORIZED, "401 Unauthorized", ("WWW-Authenticate", self._challenge))

    def scrape(self, query: str = "", accept: str | None = None, accept_encoding: str | None = None) -> HttpResponse:
        """Render the metrics as prometheus_client does. Takes a while with many series: never call it on an event loop.

        Args:
            query: The request's query string; `name[]=` chooses metrics, and may be repeated.
            accept: The Accept header, which chooses between the text format and OpenMetrics.
            accept_encoding: The Accept-Encoding header; gzip is used where it is accepted.
        """
        try:
            return self._render(query, accept, accept_encoding)
        except Exception:
            _LOGGER.exception("the metrics could not be rendered")
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "500 the metrics could not be rendered; the log says why")

    def _render(self, query: str, accept: str | None, accept_encoding: str | None) -> HttpResponse:
        try:
            encode, content_type = choose_encoder(accept or "")
        except (TypeError, ValueError):
            # prometheus_client cannot compare a version such as `1.x`; a scraper that sends one reads plain text too.
            encode, content_type = choose_encoder("")
        registry = self._registry()
        names = parse_qs(query).get("name[]")
        wanted = registry.restricted_registry(names) if names else registry
        body = self._renderings.do((os.getpid(), content_type, query), lambda: render(wanted, encode))
        headers = [("Content-Type", content_type)]
        if gzip_accepted(accept_encoding or ""):
            body = gzip.compress(body)
            headers.append(("Content-Encoding", "gzip"))
        return HttpResponse(HTTPStatus.OK, tuple(headers), body)

    def served(self) -> CollectorRegistry | None:
        """The registry of this process's metrics; None until the bot has built them."""
        metrics = self._metrics or current()
        return None if metrics is None else metrics.registry

    def _registry(self) -> CollectorRegistry:
        own = (self._metrics or get_metrics()).registry
        shared = multiprocess.directory()
        if shared is None:
            return own
        from tradmetrics.serving import worker_gauges as publishing

        publishing.publish(own)
        return multiprocess.aggregate(shared)


def _guard(auth: Auth) -> tuple[Callable[[bytes], bool], str]:
    """Check `auth`; return what decides on an Authorization header, and the challenge for those it refuses."""
    if auth is None:
        return (lambda header: True), ""
    if isinstance(auth, str):
        return _expect("bearer", _secret(auth, "the token"), lambda credentials: credentials), 'Bearer realm="metrics"'
    if not isinstance(auth, tuple) or len(auth) != 2 or not all(isinstance(part, str) for part in auth):
        raise ConfigurationError("auth is a bearer token as text, or a (user, password) pair of texts")
    user, password = auth
    if ":" in user:
        raise ConfigurationError("auth: the user's name cannot hold a colon, which ends it in basic authentication")
    expected = _secret(user, "the user's name") + b":" + _secret(password, "the password")
    return _expect("basic", expected, _decode), 'Basic realm="metrics", charset="UTF-8"'


def _secret(text: str, what: str) -> bytes:
    # An empty one is nearly always an environment variable that is not set, and would let everybody in.
    if not text.strip():
        raise ConfigurationError(f"auth: {what} is empty; is the environment variable that holds it set?")
    return text.encode()


def _expect(scheme: str, expected: bytes, decode: Callable[[bytes], bytes]) -> Callable[[bytes], bool]:
    def allows(header: bytes) -> bool:
        given_scheme, _, credentials = header.strip().partition(b" ")
        given = decode(credentials.strip())
        return hmac.compare_digest(given, expected) and given_scheme.lower() == scheme.encode()

    return allows


def _decode(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True)
    except binascii.Error:
        return b""
