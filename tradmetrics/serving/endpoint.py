"""The part that all endpoints share: authentication, the choice of the format, and the text of the answer.

The text comes from prometheus_client, so it is what a scraper of any other Python program gets for the same request.
"""

import base64
import binascii
import hmac
import logging
import os
import re
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, Union
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from tradmetrics.errors import ConfigurationError, TradmetricsError
from tradmetrics.registry.default import current, get_metrics
from tradmetrics.registry.metrics import checked
from tradmetrics.storage import worker_directory as multiprocess
from tradmetrics.storage.rendering import SharedWork, render

if TYPE_CHECKING:
    from tradmetrics.registry.metrics import TradingMetrics

_LOGGER = logging.getLogger(__name__)

WHOLE: Final = "scrape"
"""The lane of whole scrapes."""
METHODS: Final = ("GET", "HEAD")
"""The methods that an endpoint answers; all others get 405."""

KNOWN_METHODS: Final = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"),
)
OTHER_METHOD: Final = "OTHER"
"""Shared by all methods that HTTP does not define: a client can send any word."""

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


class Asked(NamedTuple):
    """The parts of a request on which its answer depends: requests with equal ones share a rendering.

    Attributes:
        content_type: The format.
        names: The metrics to answer with; all of them when it is empty.
        gzip: Whether the answer is compressed.
        encode: Renders a registry in that format.
    """

    content_type: str
    names: frozenset[str]
    gzip: bool
    encode: Callable[[Any], bytes]

    @property
    def key(self) -> Hashable:
        """Equal for scrapes that have the same answer."""
        return self[:3]

    @property
    def lane(self) -> str:
        """Which scrapes wait for each other: those that choose metrics can ask in endless ways, Prometheus in a few."""
        return "chosen" if self.names or _UNUSUAL.search(self.content_type) else WHOLE


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
            from tradmetrics.serving import worker_gauges  # only under several processes

            worker_gauges.keep_publishing(self)

    def refusal(self, authorization: bytes | None) -> HttpResponse | None:
        """The answer to a request that may not read, or None when it may.

        Args:
            authorization: The request's Authorization header.
        """
        if self._allows(authorization or b""):
            return None
        return plain(HTTPStatus.UNAUTHORIZED, "401 Unauthorized", ("WWW-Authenticate", self._challenge))

    def asked(self, query: str = "", accept: str | None = None, accept_encoding: str | None = None) -> Asked:
        """Read what a scrape asks for.

        Args:
            query: The request's query string; `name[]=` chooses metrics, and may be repeated. Other parameters are
                ignored.
            accept: The Accept header, which chooses between the text format and OpenMetrics.
            accept_encoding: The Accept-Encoding header; gzip is used where it is accepted.
        """
        encode, content_type = _encoder(accept or "")
        names = parse_qs(query, errors="replace").get("name[]", ())
        return Asked(content_type, frozenset(names), _accepts_gzip(accept_encoding or ""), encode)

    def scrape(self, asked: Asked) -> HttpResponse:
        """Render the metrics as prometheus_client does.

        It takes a while with many series: never call it on an event loop.

        Args:
            asked: The result of `asked` for the request.
        """
        try:
            return self._render(asked)
        except Exception:
            _LOGGER.exception("the metrics could not be rendered")
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "500 the metrics could not be rendered; the log says why")

    def _render(self, asked: Asked) -> HttpResponse:
        shared = multiprocess.directory()
        registry = self._registry(shared)
        wanted = registry.restricted_registry(asked.names) if asked.names else registry
        body = self._renderings.do(
            (os.getpid(), asked.content_type, asked.names),
            # Of several workers' files there is one collector, and without it there is no answer.
            lambda: render(wanted, asked.encode, failed=None if shared else self._collector_failed),
        )
        headers = [("Content-Type", asked.content_type)]
        if asked.gzip:
            body = compressed(body)
            headers.append(("Content-Encoding", "gzip"))
        return HttpResponse(HTTPStatus.OK, tuple(headers), body)

    def _collector_failed(self, collector: object, error: BaseException) -> None:
        """Count and log a collector of the user's that raised; the rest of the scrape is served."""
        metrics = self._metrics or get_metrics()
        site = f"the collector {_name_of(collector)}"
        try:
            metrics.fault(site, "record", error)
        except TradmetricsError:  # of strict metrics
            _LOGGER.exception("%s raised, and its metrics are missing from the scrape", site, extra={"site": site})

    def served(self) -> CollectorRegistry | None:
        """The registry of this process's metrics; None until the bot has built them."""
        metrics = self._metrics or current()
        return None if metrics is None else metrics.registry

    def _registry(self, shared: str | None) -> CollectorRegistry:
        own = (self._metrics or get_metrics()).registry
        if shared is None:
            return own
        from tradmetrics.serving import worker_gauges as publishing

        publishing.publish(own)
        return multiprocess.aggregate(shared, self._file_failed)

    def _file_failed(self, path: str, error: Exception) -> None:
        """Count and log a file of a worker that cannot be read; the others are served."""
        metrics = self._metrics or get_metrics()
        what = ValueError(
            f"the worker's file {path!r} cannot be read ({error}); its figures are missing from the scrape"
        )
        try:
            metrics.fault("tradmetrics.multiprocess", "record", what)
        except TradmetricsError:  # of strict metrics
            _LOGGER.warning("%s", what)


def _guard(auth: Auth) -> tuple[Callable[[bytes], bool], str]:
    """Check `auth`; return what decides on an Authorization header, and the challenge for those it refuses."""
    if auth is None:
        return (lambda header: True), ""
    if isinstance(auth, str):
        if auth.strip() and (auth != auth.strip() or not _SENDABLE.fullmatch(auth)):
            raise ConfigurationError(
                "auth: the token cannot begin or end with a blank, or hold a line break: no client can send that; "
                "does it come from a file? Then strip() it"
            )
        return _expect("bearer", _secret(auth, "the token"), lambda credentials: credentials), 'Bearer realm="metrics"'
    if not isinstance(auth, tuple) or len(auth) != 2 or not all(isinstance(part, str) for part in auth):
        raise ConfigurationError("auth is a bearer token as text, or a (user, password) pair of texts")
    user, password = auth
    if ":" in user:
        raise ConfigurationError("auth: the user's name cannot hold a colon, which ends it in basic authentication")
    expected = _secret(user, "the user's name") + b":" + _secret(password, "the password")
    return _expect("basic", expected, _decode), 'Basic realm="metrics", charset="UTF-8"'


_OWN_VERSION: Final = re.compile(r"version=(?!(?:0\.0\.4|1\.0\.0|2\.0\.0)(?:;|$))[^;]*")
"""A version of a format that nobody has defined: prometheus_client answers with whatever a client has made up."""
_UNUSUAL: Final = re.compile(r"escaping=(?:dots|values)|version=2")


def _encoder(accept: str) -> tuple[Callable[[Any], bytes], str]:
    """What renders the format that an Accept header chooses, and the format's name, of which there are only a few."""
    try:
        encode, content_type = choose_encoder(accept)
        if _OWN_VERSION.search(content_type):
            encode, content_type = choose_encoder(_OWN_VERSION.sub("version=1.0.0", content_type))
    except (TypeError, ValueError):
        # prometheus_client cannot compare a version such as `1.x`; a scraper that sends one reads plain text too.
        encode, content_type = choose_encoder("")
    return encode, content_type


def _accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip: a quality of 0 refuses it (RFC 9110, 12.4.2)."""
    for part in header.split(","):
        coding, *parameters = (each.strip().lower() for each in part.split(";"))
        if coding in ("gzip", "x-gzip"):
            return not any(_REFUSED.fullmatch(each) for each in parameters)
    return False


_SENDABLE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]+")
_REFUSED: Final = re.compile(r"q\s*=\s*0(\.0{0,3})?")
_PIECE: Final = 1 << 17


def compressed(body: bytes) -> bytes:
    """Compress with gzip, at the level that costs least, in pieces that leave the interpreter to other threads."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    pieces = [packer.compress(body[start : start + _PIECE]) for start in range(0, len(body), _PIECE)]
    return b"".join([*pieces, packer.flush()])


def _name_of(collector: object) -> str:
    """The name of a metric made with prometheus_client, else the collector's class."""
    name = getattr(collector, "_name", None)
    kind = type(collector)
    return name if isinstance(name, str) and name else f"{kind.__module__}.{kind.__qualname__}"


def _secret(text: str, what: str) -> bytes:
    # An empty one is nearly always an environment variable that is not set, and would let everybody in.
    if not text.strip():
        raise ConfigurationError(f"auth: {what} is empty; is the environment variable that holds it set?")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"auth: {what} holds a character that cannot be sent (a lone surrogate); was it read with "
            "the right encoding?"
        ) from None


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
