"""Canned answers beneath clients that use `requests`: everything above the transport is the library's own."""

import io
import json

import requests


class Wire(requests.adapters.BaseAdapter):
    """A transport. `routes`: {(method, end of the path): answer, (status, answer), or a function of the request}."""

    def __init__(self, routes=None):
        super().__init__()
        self.routes = dict(routes or {})
        self.sent = []

    def send(self, request, **_):
        """Answer a request."""
        path = request.url.split("?")[0]
        self.sent.append((request.method, path))
        for (method, end), answer in self.routes.items():
            if method == request.method and path.endswith(end):
                found = answer(request) if callable(answer) else answer
                if isinstance(found, Exception):
                    raise found
                status, content = found if isinstance(found, tuple) else (200, found)
                break
        else:
            status, content = 404, {"message": f"no answer for {request.method} {path}"}
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        response.headers["content-type"] = "application/json"
        response.raw = io.BytesIO(json.dumps(content).encode())
        return response

    def __reduce__(self):
        return Wire, ()

    def close(self):
        """Nothing is open."""

    def under(self, session):
        """Put it beneath a session."""
        session.mount("https://", self)
        session.mount("http://", self)
        return self
