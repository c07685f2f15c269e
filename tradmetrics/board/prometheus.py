"""Asks a Prometheus over its HTTP API."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from tradmetrics.board.targets import Target

TIMEOUT: Final = 10.0
_LONGEST_REASON: Final = 200


class Prometheus:
    """A Prometheus, or what answers as one.

    Args:
        server: Its address and how to get in.
        tls: How to check its certificate; None for the system's authorities.

    Attributes:
        url: Its address, without credentials.
        error: Why the last question got no answer; empty when it got one.
    """

    def __init__(self, server: Target, tls: ssl.SSLContext | None = None) -> None:
        self.url = server.url.rstrip("/")
        self.error = ""
        self._headers = {"Authorization": server.authorization} if server.authorization else {}
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, endpoint: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Ask one endpoint.

        Args:
            endpoint: Such as `query` or `label/job/values`.
            parameters: Of a query; None for an endpoint without.

        Returns:
            The `data` of the answer; None when there is none, and `error` says why.
        """
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True)
            timeout = aiohttp.ClientTimeout(total=TIMEOUT)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, headers=self._headers)
        method = "GET" if parameters is None else "POST"
        try:
            async with self._session.request(method, f"{self.url}/api/v1/{endpoint}", data=parameters) as response:
                if response.status in (401, 403):
                    self.error = f"{self.url} answers {response.status}; write http://user:password@… or --token"
                    return None
                answer = await response.json(content_type=None)
            if "error" in answer:
                raise ValueError(answer["error"])
            data = answer["data"]
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError, KeyError, TypeError, OSError) as error:
            reason = str(error)[:_LONGEST_REASON] or type(error).__name__
            self.error = f"{self.url} does not answer as a Prometheus: {reason}"
            return None
        self.error = ""
        return data

    async def result(self, endpoint: str, parameters: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """Return the series that a query gives; None when there is no answer."""
        data = await self.ask(endpoint, parameters)
        try:
            if data is None:
                return None
            if data["resultType"] == "scalar":
                return [{"metric": {}, "value": data["result"]}]
            found: list[dict[str, Any]] = data["result"]
            return found
        except (KeyError, TypeError):
            self.error = f"{self.url} does not answer as a Prometheus"
            return None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
