"""Print manifests for prometheus-operator and Grafana's sidecar, from the same rules and dashboards as everywhere.

`python -m alerts.kubernetes --namespace monitoring --service app=bot | kubectl apply -f -` makes a PrometheusRule, a
ServiceMonitor, and a ConfigMap for each dashboard. `--label release=NAME` puts the label on them by which the
Prometheus of Helm's kube-prometheus-stack chooses. alerts/stack/kubernetes/ has a Prometheus with Thanos and one with
Mimir that choose them by app.kubernetes.io/part-of.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.generate import SettingsError, load, rules

DASHBOARDS: Final = Path(__file__).parent.parent / "dashboards" / "json"
PART_OF: Final = {"app.kubernetes.io/part-of": "tradmetrics"}


def manifests(
    settings: Mapping[str, Any],
    *,
    namespace: str,
    service: Mapping[str, str],
    port: str,
    labels: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Build the manifests.

    Args:
        settings: The alerts' settings, as `alerts.generate.load` returns them.
        namespace: The namespace that all of them go into.
        service: Labels of the Service in front of the trading system.
        port: Name of the Service's port that serves /metrics.
        labels: Further labels of all of them.

    Returns:
        A PrometheusRule, a ServiceMonitor, and one ConfigMap for each dashboard.
    """
    groups = [group for content in rules(settings).values() for group in content["groups"]]
    monitor = {
        "selector": {"matchLabels": dict(service)},
        "endpoints": [
            {
                "port": port,
                "path": "/metrics",
                "interval": "5s",
                "scrapeTimeout": "4s",
                # The job would be the Service's name, and the alerts on absence know it by this one.
                "relabelings": [{"action": "replace", "targetLabel": "job", "replacement": settings["job"]}],
            }
        ],
    }
    built = [
        _resource("monitoring.coreos.com/v1", "PrometheusRule", "tradmetrics", namespace, {"spec": {"groups": groups}}),
        _resource("monitoring.coreos.com/v1", "ServiceMonitor", "tradmetrics", namespace, {"spec": monitor}),
        *(_dashboard(path, namespace) for path in sorted(DASHBOARDS.glob("*.json"))),
    ]
    for manifest in built:
        manifest["metadata"]["labels"].update(labels or {})
    return built


def _dashboard(path: Path, namespace: str) -> dict[str, Any]:
    text = json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
    name = f"tradmetrics-dashboard-{path.stem.replace('_', '-')}"
    # The label is the one that the sidecar of Grafana's Helm chart looks for unless told otherwise.
    return _resource("v1", "ConfigMap", name, namespace, {"data": {path.name: text}}, {"grafana_dashboard": "1"})


def _resource(
    version: str,
    kind: str,
    name: str,
    namespace: str,
    content: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": {**PART_OF, **(labels or {})}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, not {text!r}")
    return name, value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 2 when the settings cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m alerts.kubernetes", description=__doc__)
    parser.add_argument("--settings", type=Path, action="append", default=[], help="a file laid over settings.yml")
    parser.add_argument("--namespace", default="monitoring", help="(default: %(default)s)")
    default = ("app.kubernetes.io/name", "trading-bot")
    parser.add_argument(
        "--service", metavar="NAME=VALUE", type=_label, default=default, help="label of the bot's Service"
    )
    parser.add_argument("--port", default="metrics", help="name of the Service's port (default: %(default)s)")
    further = "a label that all of them get; may be repeated"
    parser.add_argument("--label", metavar="NAME=VALUE", type=_label, action="append", default=[], help=further)
    options = parser.parse_args(arguments)
    try:
        built = manifests(
            load(options.settings),
            namespace=options.namespace,
            service=dict([options.service]),
            port=options.port,
            labels=dict(options.label),
        )
    except (SettingsError, OSError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 2
    print(yaml.safe_dump_all(built, sort_keys=False, width=1000, allow_unicode=True), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
