"""Target `http`: the head of an HTTP request, from bytes that anybody may have sent.

What must hold, whatever is drawn:

- the parser answers with a request, or raises `BadRequestError` with one line that repeats none of the bytes;
- the length of a head is never beyond the bytes, and ends in a blank line;
- a request has a known method, a path without a query, and header names in lower case;
- a request with a body never keeps its connection: its body would be read as the next request.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from tests.fuzz.runner import Notes, Target
from tradmetrics.serving.http_request import BadRequestError, Request, head_length, parse

_METHODS: Final = st.sampled_from([b"GET", b"HEAD", b"POST", b"get", b"BREW", b"", b"G\x00T", b"CONNECT"])
_TARGETS: Final = st.one_of(
    st.sampled_from(
        [b"/metrics", b"/", b"*", b"http://h/metrics?name[]=x", b"HTTPS://h", b"//h/m", b"/a?b#c", b"/\xff"]
    ),
    st.binary(max_size=30),
)
_VERSIONS: Final = st.sampled_from(
    [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9.9", b"http/1.1", b"", b"HTTP/1.1 x"]
)
_NAMES: Final = st.sampled_from(
    [
        b"Host",
        b"Connection",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Accept",
        b" Host",
        b"X Y",
        b"",
        b"\xe9",
        b"A\x00",
    ]
)
_VALUES: Final = st.one_of(
    st.sampled_from([b"close", b"keep-alive", b"0", b"5", b"chunked", b"0, 5", b"+5", b"a\rb", b"a\0b", b"", b"\xff"]),
    st.binary(max_size=20),
)
_ENDS: Final = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b""])
_LINES: Final = st.lists(st.tuples(_NAMES, st.sampled_from([b": ", b":", b" :", b""]), _VALUES, _ENDS), max_size=6)


def _join(
    start: bytes, request: tuple[bytes, bytes, bytes, bytes], lines: list[tuple[bytes, ...]], end: bytes
) -> bytes:
    method, target, version, line_end = request
    head = method + b" " + target + b" " + version + line_end
    return start + head + b"".join(b"".join(line) for line in lines) + end


STRATEGY: Final = st.one_of(
    st.builds(
        _join,
        st.sampled_from([b"", b"\r\n", b"\n", b" ", b"\x16\x03\x01"]),
        st.tuples(_METHODS, _TARGETS, _VERSIONS, _ENDS),
        _LINES,
        st.sampled_from([b"\r\n", b"\n", b"", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"]),
    ),
    st.binary(max_size=200),
)


def check(received: bytes, note: Notes) -> None:
    """Read what was received as the server does."""
    length = head_length(received)
    assert 0 <= length <= len(received)
    if not length:
        note("head", "not whole")
        return
    assert received[:length].endswith((b"\n\n", b"\n\r\n")), received[:length]
    try:
        request = parse(received[:length])
    except BadRequestError as error:
        note("head", "refused")
        assert error.status.value in (400, 431, 501, 505), error.status  # noqa: PT017 - drawn, not expected
        assert "\n" not in error.reason  # noqa: PT017
        return
    note("head", "a request")
    _check_request(request, note)


def _check_request(request: Request, note: Notes) -> None:
    assert request.method.isupper(), request.method
    assert not set("?#") & set(request.path), request.path
    assert all(name == name.lower() and name.strip() for name in request.headers), request.headers
    assert not any(set("\r\n\0") & set(value) for value in request.headers.values()), request.headers
    if "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0":
        note("request", "a body")
        assert not request.keep
    note("request", "kept" if request.keep else "closed")


TARGET: Final = Target(
    "http",
    STRATEGY,
    check,
    repr,
    {"head": ("not whole", "refused", "a request"), "request": ("a body", "kept", "closed")},
)
