"""`push_on_exit`: hand the metrics of a short-lived program to a Pushgateway, where Prometheus can find them.

A backtest is over before Prometheus would scrape it. For anything that runs longer than a few scrapes use
`start_metrics_server`: a Pushgateway keeps what it was given until somebody deletes it, and does not know that the
program has gone. See https://prometheus.io/docs/practices/pushing/.
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from prometheus_client.exposition import default_handler, delete_from_gateway, push_to_gateway

from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.metrics import checked

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from tradmetrics.registry.metrics import TradingMetrics

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SITE: Final = f"{__name__}.push_on_exit"


class Push:
    """A push that happens when the program ends, or when its `with` block does; see `push_on_exit`."""

    def __init__(
        self,
        gateway: str,
        job: str,
        grouping_key: Mapping[str, str],
        metrics: TradingMetrics | None,
        timeout: float,
        handler: Callable[..., Callable[[], None]],
    ) -> None:
        self._metrics = metrics
        self._place: dict[str, Any] = {
            "gateway": gateway,
            "job": job,
            "grouping_key": dict(grouping_key),
            "timeout": timeout,
            "handler": handler,
        }
        self._process = os.getpid()
        atexit.register(self._at_exit)

    def push(self) -> bool:
        """Push now, replacing what the gateway has under the same job and grouping key.

        Returns:
            True when the gateway took it. False when it did not: that is counted and logged, never raised (a
            `strict` metrics object aside).
        """
        metrics = self._target()
        return self._reach(lambda: push_to_gateway(registry=metrics.registry, **self._place))

    def delete(self) -> bool:
        """Delete the group from the gateway, and push nothing at the end.

        Returns:
            True when the gateway took it, as for `push`.
        """
        self.cancel()
        return self._reach(lambda: delete_from_gateway(**self._place))

    def cancel(self) -> None:
        """Push nothing at the end. A second call does nothing."""
        atexit.unregister(self._at_exit)

    def __enter__(self) -> Self:
        """Return the push itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Push, whether the block ended well or not; its exception passes through."""
        self.cancel()
        self.push()

    def _at_exit(self) -> None:
        # A forked child inherits the registration; what it knows would replace what its parent pushes.
        if os.getpid() == self._process:
            self.push()

    def _target(self) -> TradingMetrics:
        return get_metrics() if self._metrics is None else self._metrics

    def _reach(self, request: Callable[[], None]) -> bool:
        try:
            request()
        except Exception as error:
            self._target().fault(_SITE, "record", error)
            return False
        return True


def push_on_exit(
    gateway: str,
    job: str,
    *,
    grouping_key: Mapping[str, str] | None = None,
    metrics: TradingMetrics | None = None,
    timeout: float = 5.0,
    handler: Callable[..., Callable[[], None]] = default_handler,
) -> Push:
    """Push all metrics to a Pushgateway when the program ends, or at the end of a `with` block.

    Example:
        ```python
        from tradmetrics.push import push_on_exit

        with push_on_exit("http://localhost:9091", job="backtest", grouping_key={"strategy": "gamma_scalping"}):
            run_backtest()
        ```

    Called without `with`, at the top of a script, it pushes when the interpreter exits. The push is one PUT: it
    replaces what the gateway has under the same job and grouping key, and leaves every other group alone. So give
    each backtest that shall stay beside the others a grouping key of its own, and few of them: each one stays until
    `.delete()` is called on it or the gateway is restarted without its file.

    Prometheus must scrape the gateway with `honor_labels: true`, or the job becomes `exported_job`.

    Args:
        gateway: The gateway's URL, `http://` or `https://`.
        job: The value of the label `job`.
        grouping_key: Further labels by which the gateway keeps groups apart.
        metrics: The metrics object to push; by default the process's.
        timeout: Seconds to wait for the gateway.
        handler: How to send the request; `prometheus_client.exposition.basic_auth_handler` and the like go here.

    Returns:
        The push: a context manager with `.push()`, `.delete()` and `.cancel()`.

    Raises:
        ConfigurationError: When the URL, the job, the grouping key or the timeout cannot work.
    """
    _check(gateway, job, grouping_key or {}, timeout)
    checked(metrics, "push_on_exit")
    return Push(gateway, job, grouping_key or {}, metrics, timeout, handler)


def _check(gateway: str, job: str, grouping_key: Mapping[str, str], timeout: float) -> None:
    try:
        parts = urlsplit(gateway)
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("push_on_exit: gateway is a URL such as 'http://localhost:9091'")
    if "@" in parts.netloc:  # the message must not repeat the password
        raise ConfigurationError(
            "push_on_exit: the URL carries a password; leave it out and give "
            "handler=, built on prometheus_client.exposition.basic_auth_handler"
        )
    if not job:
        raise ConfigurationError("push_on_exit: job is empty; write what the program is, e.g. job='backtest'")
    for name, value in grouping_key.items():
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name) or name == "job":
            raise ConfigurationError(f"push_on_exit: {name!r} cannot be a label of the grouping key, e.g. 'strategy'")
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"push_on_exit: grouping_key[{name!r}] is a non-empty text, not {value!r}")
    if not timeout > 0:
        raise ConfigurationError(f"push_on_exit: timeout is a number of seconds above 0, not {timeout!r}")
