"""Describe an installation for a bug report: versions, adapters, limits, settings; no secret among them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from tradmetrics.cardinality import Limits
from tradmetrics.integrations.kit.tested import TESTED
from tradmetrics.model.redaction import MASK, logged
from tradmetrics.registry.default import current
from tradmetrics.registry.functions import COUNT_CALLS
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.serving.server import running_servers
from tradmetrics.storage.worker_names import VARIABLE
from tradmetrics.version import __version__

_PACKAGES: Final = (
    "prometheus-client", "wrapt", "typing-extensions", "typer", "rich", "promql-parser", "PyYAML", "fastapi",
    "starlette", "uvicorn", "flask", "Django", "gunicorn", "nicegui", "aiohttp", "apprise", "textual",
    "opentelemetry-exporter-otlp-proto-http",
)  # fmt: skip
_PREFIXES: Final = ("TRADMETRICS_", "PROMETHEUS_", "OTEL_")
_SHOWN: Final = frozenset({
    "TRADMETRICS_DISABLED", COUNT_CALLS, "TRADMETRICS_VERSION", "TRADMETRICS_START_TIMESTAMPS", VARIABLE,
    "OTEL_SERVICE_NAME",
})  # fmt: skip
"""Variables whose values may be shown. Every other value is masked."""


def describe(metrics: TradingMetrics | None = None) -> dict[str, Any]:
    """Describe this process's installation, ready for JSON. Call it inside a bot to include the bot's metrics object.

    It registers nothing, starts nothing and writes no file. Values of environment variables are masked unless they are
    known to hold no secret; values of constant labels and of `Limits.allow` are left out.

    Args:
        metrics: The metrics object to describe; by default the process's, if there is one yet.

    Returns:
        `tradmetrics`, `python`, `platform`, `packages`, `adapters`, `metrics`, `endpoints`, `multiprocess`,
        `environment` and `last_errors`.
    """
    metrics = current() if metrics is None else metrics
    return {
        "tradmetrics": __version__,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "build": " ".join(platform.python_build()),
            "executable": _without_home(sys.executable),
        },
        "platform": {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count()},
        "packages": {name: version for name in _PACKAGES if (version := _version(name)) is not None},
        "adapters": [
            {
                "adapter": each.adapter,
                "library": each.distribution,
                "installed": installed,
                "status": each.verdict(),
                "tested": f"{each.first} to {each.newest}",
            }
            for each in TESTED
            if (installed := each.installed()) is not None
        ],
        "metrics": _described(metrics),
        "endpoints": running_servers(),
        "multiprocess": _multiprocess(),
        "environment": dict(_environment(os.environ)),
        "last_errors": {} if metrics is None else {site: logged(text) for site, text in metrics.last_faults.items()},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _described(metrics: TradingMetrics | None) -> dict[str, Any]:
    limits = Limits() if metrics is None else metrics.limits
    described: dict[str, Any] = {
        "exists": metrics is not None,
        "limits": {
            "labels": {_key(key): budget for key, budget in limits.labels.items()},
            "series": dict(limits.series),
            "default_label": limits.default_label,
            "default_series": limits.default_series,
            "allow": {_key(key): len(list(values)) for key, values in limits.allow.items()},
            "expire_after": limits.expire_after,
            "idle_after": limits.idle_after,
        },
    }
    if metrics is not None:
        described |= {
            "enabled": metrics.enabled,
            "strict": metrics.strict,
            "constant_labels": [name for name, _ in metrics.constants],
            "strategy_stats": metrics.strategy_stats is not None,
        }
    return described


def _key(key: str | tuple[str, str]) -> str:
    return key if isinstance(key, str) else "/".join(key)


def _multiprocess() -> dict[str, Any] | None:
    """The directory that worker processes share; None outside multiprocess mode."""
    directory = os.environ.get(VARIABLE)
    if not directory:
        return None
    try:
        files = len(os.listdir(directory))
    except OSError as error:
        return {"directory": _without_home(directory), "error": error.strerror or str(error)}
    return {"directory": _without_home(directory), "files": files, "writable": os.access(directory, os.W_OK)}


def _environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(environment):
        if name.startswith(_PREFIXES):
            yield name, logged(_without_home(environment[name])) if name in _SHOWN else MASK


def _without_home(path: str) -> str:
    """Return a path with the user's home folder as `~`, because its name is often a person's."""
    try:
        home = str(Path.home())
    except RuntimeError:
        return path
    return "~" + path[len(home) :] if len(home) > 1 and path.startswith(home + os.sep) else path


def lines(description: Mapping[str, Any]) -> list[str]:
    """Return a description as lines of text.

    Args:
        description: An answer of `describe`.
    """
    python, system, metrics = description["python"], description["platform"], description["metrics"]
    limits, shared = metrics["limits"], description["multiprocess"]
    rows = [
        ("tradmetrics", description["tradmetrics"]),
        ("Python", f"{python['implementation']} {python['version']} ({python['build']}), {python['executable']}"),
        ("platform", f"{system['system']}, {system['machine']}, {system['cpus']} CPUs"),
        *(("package", f"{name} {version}") for name, version in description["packages"].items()),
        *(
            ("adapter", f"{each['adapter']}: {each['library']} {each['installed']}, {each['status']} "
             f"(tested with {each['tested']})")
            for each in description["adapters"]
        ),
        *([] if description["adapters"] else [("adapter", "none of the libraries is installed")]),
        ("metrics", _state(metrics)),
        ("limits", f"{limits['default_label']} values a label, {limits['default_series']:,} series a metric"),
        *(("limit", f"{key}: {budget:,} values") for key, budget in limits["labels"].items()),
        *(("limit", f"{key}: {budget:,} series") for key, budget in limits["series"].items()),
        *(("endpoint", url) for url in description["endpoints"] or ["none runs in this process"]),
        ("multiprocess", "off" if shared is None else ", ".join(f"{key} {value}" for key, value in shared.items())),
        *(("environment", f"{name}={value}") for name, value in description["environment"].items()),
        *(("last error", f"{site}: {text}") for site, text in description["last_errors"].items()),
    ]  # fmt: skip
    return [f"{name:<13} {text}" for name, text in rows]


def _state(metrics: Mapping[str, Any]) -> str:
    if not metrics["exists"]:
        return "this process has no metrics object yet; the limits are the defaults"
    labels = ", ".join(metrics["constant_labels"]) or "none"
    return f"enabled {metrics['enabled']}, strict {metrics['strict']}, constant labels: {labels}"
