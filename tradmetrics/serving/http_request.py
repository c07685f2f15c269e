"""Read the head of an HTTP/1.1 request (RFC 9112), from bytes that any client may have sent.

The parser is strict where two readings of a request are possible, because a reader in front of the server (a proxy) may
have chosen the other one. It raises nothing but `BadRequestError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

MOST_BYTES: Final = 65_536
"""The longest head of a request; a longer one is refused."""
MOST_HEADERS: Final = 100
"""Header lines of one request."""

_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"))
_LINE: Final = re.compile(rb"(?P<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) (?P<target>[!-~\x80-\xff]+) (?P<version>\S+)")
_VERSION: Final = re.compile(rb"HTTP/(\d)\.(\d)")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*")
_ABSOLUTE: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class BadRequestError(Exception):
    """A request that is malformed or too long.

    Attributes:
        status: The status of the answer.
        reason: One line for the client. It repeats no byte of the request.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Request(NamedTuple):
    """The head of a request.

    Attributes:
        method: As the client wrote it: HTTP's methods are in capitals.
        path: The path of the target, without scheme, host and query.
        query: The part of the target after `?`.
        headers: Values by lower-case name; the values of a repeated header are joined by commas.
        keep: Whether the client keeps the connection for its next request.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    keep: bool

    def header(self, name: str) -> str | None:
        """The value of a header, or None where the request has none of that name."""
        return self.headers.get(name)


def head_length(received: bytes | bytearray) -> int:
    """Return the length of the first head in `received`, its blank line included; 0 if it is not whole."""
    ends = [place + len(end) for end in (b"\n\r\n", b"\n\n") if (place := received.find(end)) >= 0]
    return min(ends, default=0)


def take_request(received: bytearray) -> Request | None:
    """Read the first request in `received`, and remove its head; None if it is not whole.

    Args:
        received: The bytes of a client that are not read yet.

    Raises:
        BadRequestError: When the request is malformed, or longer than `MOST_BYTES`.
    """
    while received and received[0] in b"\r\n":
        del received[:1]
    length = head_length(received)
    if length > MOST_BYTES or (not length and len(received) > MOST_BYTES):
        raise _too_long(received)
    if not length:
        return None
    head = bytes(received[:length])
    del received[:length]
    return parse(head)


def _too_long(received: bytearray) -> BadRequestError:
    if received.find(b"\n") >= 0:
        return BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "431 the headers are too long")
    return BadRequestError(HTTPStatus.REQUEST_URI_TOO_LONG, "414 the request line is too long")


def parse(head: bytes) -> Request:
    """Read the head of a request.

    Args:
        head: The bytes up to the blank line; empty lines in front of the request line are skipped.

    Raises:
        BadRequestError: When the head is not a request of HTTP/1.0 or HTTP/1.1, its method is unknown, or it carries
            more than `MOST_HEADERS`.
    """
    lines = head.lstrip(b"\r\n").split(b"\n")
    first, *rest = [line[:-1] if line.endswith(b"\r") else line for line in lines]
    match = _LINE.fullmatch(first)
    if match is None:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "400 Bad Request; the request line is malformed")
    if match["method"] not in _METHODS:
        raise BadRequestError(HTTPStatus.NOT_IMPLEMENTED, "501 Not Implemented; use GET")
    version = _VERSION.fullmatch(match["version"])
    if version is None:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "400 Bad Request; the version is malformed")
    if version[1] != b"1":
        raise BadRequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "505 HTTP Version Not Supported; use HTTP/1.1")
    headers = _headers([line for line in rest if line])
    path, query = _split(str(match["target"], "latin-1"))
    connection = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    keep = "close" not in connection and (version[2] != b"0" or "keep-alive" in connection)
    # The server reads no body. If there may be one, the connection ends with the answer, so that the body is never
    # taken for the next request.
    keep = keep and "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"
    return Request(str(match["method"], "ascii"), path, query, headers, keep)


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MOST_HEADERS:
        raise BadRequestError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"431 Too many headers; {MOST_HEADERS} are allowed"
        )
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "400 Bad Request; a header line is malformed")
        name, value = str(match[1], "ascii").lower(), str(match[2], "latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _split(target: str) -> tuple[str, str]:
    """The path and the query of a target, which is a whole URL where a proxy passes it on (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE.match(target)
    if absolute is not None:
        target = target[absolute.end() :]
        target = target if target.startswith("/") else f"/{target}"
    path, _, query = target.partition("#")[0].partition("?")
    return path, query
