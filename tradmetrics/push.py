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
from urllib.error import HTTPError
from urllib.parse import urlsplit

from prometheus_client.exposition import default_handler, delete_from_gateway, push_to_gateway

from tradmetrics import catalogue
from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.default import current, get_metrics
from tradmetrics.registry.metrics import checked
from tradmetrics.serving.at_sigterm import pushes_at_sigterm

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from tradmetrics.registry.metrics import TradingMetrics

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED: Final = ("job", "le", "quantile")
"""The job has an argument of its own, and the others are labels of the samples of histograms and summaries."""
_URL: Final = re.compile(r"https?://[^\s/\ud800-\udfff]+(?:/[!-~]*)?", re.IGNORECASE)
_MOST_SECONDS: Final = 86_400.0
_MOST_OF_AN_ANSWER: Final = 600
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
        pushes_at_sigterm.add(self)

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
        pushes_at_sigterm.remove(self)

    def __enter__(self) -> Self:
        """Return the push itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Push, whether the block ended well or not; its exception passes through."""
        self.cancel()
        self.push()

    def at_sigterm(self) -> None:
        """Push because SIGTERM ends the process."""
        self._at_exit()

    @property
    def seconds(self) -> float:
        """How long a push may take."""
        return float(self._place["timeout"])

    def _at_exit(self) -> None:
        # A forked child inherits the registration; what it knows would replace what its parent pushes.
        if os.getpid() == self._process:
            self.push()

    def _target(self) -> TradingMetrics:
        return get_metrics() if self._metrics is None else self._metrics

    def _reach(self, request: Callable[[], None]) -> bool:
        try:
            request()
        except HTTPError as error:
            self._target().fault(_SITE, "record", RuntimeError(_answer_of(error)))
            return False
        except Exception as error:
            self._target().fault(_SITE, "record", error)
            return False
        return True


def _answer_of(error: HTTPError) -> str:
    """The gateway's answer, in one line."""
    try:
        text = error.read(_MOST_OF_AN_ANSWER).decode("utf-8", "replace")
    except Exception:
        text = ""
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return f"the Pushgateway answered {error.code} {error.reason}" + (f": {text}" if text else "")


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

        with push_on_exit("http://localhost:9091", job="backtest", grouping_key={"run": "gamma-2026"}):
            run_backtest()
        ```

    Called without `with`, at the top of a script, it pushes when the interpreter exits. Both push on SIGTERM too,
    which is how `docker stop` and Kubernetes end a job: if the process has no handler of its own for it, `push_on_exit`
    installs one that pushes and then lets the signal end the process; if there is one, it decides what happens, and
    the push comes when the interpreter exits. Nothing can push after `os._exit`, SIGKILL or a crash of the interpreter.

    The push is one PUT: it replaces what the gateway has under the same job and grouping key, and leaves every other
    group alone. So give each backtest that must stay beside the others a grouping key of its own, and few of them:
    each one stays until you call `.delete()` on it or restart the gateway without its file. The grouping key becomes
    labels of all series, so its names must differ from the labels of your metrics (`strategy`, `side`, `symbol`, …).

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
        ConfigurationError: When the URL, the job, the grouping key or the timeout cannot work, or a name in the
            grouping key is a label of one of the metrics.
    """
    checked(metrics, "push_on_exit")
    _check_gateway(gateway)
    _check(job, {} if grouping_key is None else grouping_key, timeout, handler)
    _check_labels(grouping_key or {}, metrics or current())
    return Push(gateway, job, grouping_key or {}, metrics, timeout, handler)


def _check_gateway(gateway: str) -> None:
    wrong = ConfigurationError("push_on_exit: gateway is a URL such as 'http://localhost:9091'")
    try:
        parts = urlsplit(gateway)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):
        raise wrong from None
    if not is_url or not _URL.fullmatch(gateway):
        raise wrong
    if "@" in parts.netloc:  # the message must not repeat the password
        raise ConfigurationError(
            "push_on_exit: the URL carries a password; leave it out and give "
            "handler=, built on prometheus_client.exposition.basic_auth_handler"
        )
    path = f"{parts.path.rstrip('/')}/"
    if path.endswith("/metrics/") or "/metrics/job" in path or parts.query or parts.fragment:
        raise ConfigurationError(
            "push_on_exit: gateway is the address of the Pushgateway itself, such as 'http://localhost:9091', without "
            "'/metrics' and without a query"
        )


def _check(job: str, grouping_key: Mapping[str, str], timeout: float, handler: object) -> None:
    if not job or not isinstance(job, str):
        raise ConfigurationError(
            f"push_on_exit: job is a non-empty text, not {job!r}; write what the program is, e.g. job='backtest'"
        )
    _check_value("job", job)
    if not isinstance(grouping_key, Mapping):
        raise ConfigurationError(f"push_on_exit: grouping_key is a dict of labels, not {grouping_key!r}")
    for name, value in grouping_key.items():
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name) or name in _RESERVED or name.startswith("__"):
            raise ConfigurationError(f"push_on_exit: {name!r} cannot be a label of the grouping key; one is 'run'")
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"push_on_exit: grouping_key[{name!r}] is a non-empty text, not {value!r}")
        _check_value(f"grouping_key[{name!r}]", value)
    if not isinstance(timeout, (int, float)) or not 0 < timeout <= _MOST_SECONDS:
        raise ConfigurationError(f"push_on_exit: timeout is a number of seconds above 0, not {timeout!r}")
    if not callable(handler):
        raise ConfigurationError(f"push_on_exit: handler is a function that sends the request, not {handler!r}")


def _check_value(what: str, value: str) -> None:
    if value in (".", ".."):
        raise ConfigurationError(f"push_on_exit: {what}={value!r} vanishes from the path of a URL; choose another text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"push_on_exit: {what}={value!r} holds a character that cannot be sent (a lone surrogate); was it read "
            "with the right encoding?"
        ) from None


def _check_labels(grouping_key: Mapping[str, str], metrics: TradingMetrics | None) -> None:
    """See that no name of the grouping key is a label of a metric: the gateway would put its own value in the place."""
    labels = {label: each.name for each in catalogue.CATALOGUE for label in each.label_names}
    if metrics is not None:
        labels.update(metrics.label_names())
    for name in grouping_key:
        if name in labels:
            raise ConfigurationError(
                f"push_on_exit: grouping_key has {name!r}, which is a label of {labels[name]}; the Pushgateway would "
                "replace the label's values, and refuse series that are equal then. Choose another name, such as 'run' "
                "or 'instance'"
            )
