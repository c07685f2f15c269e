"""The other end of clients that use `requests`: answers beneath their sessions, so that nothing leaves the machine."""

import io
import json

import requests


class CannedVenue(requests.adapters.BaseAdapter):
    """A transport that a session gets in place of the network. Subclasses answer."""

    def under(self, session):
        """Take the place of the network for one session."""
        session.mount("https://", self)

    def send(self, request, **_):
        """Answer a request: `answer` returns the status and the content."""
        path = request.url.partition("?")[0].partition("://")[2].partition("/")[2]
        status, content = self.answer(request.method, f"/{path}", request)
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        response.headers["Content-Type"] = "application/json"
        response.raw = io.BytesIO(json.dumps(content).encode())
        return response

    def close(self):
        """Nothing is open."""
