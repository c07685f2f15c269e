"""Run Prometheus, Alertmanager and the node exporter from this folder's configuration, without containers.

`python -m alerts.stack` (or `make stack`) starts them on loopback with the machine's own programs and stops them
all on Ctrl-C. Grafana is not in Debian; where you have one, add the data source and import dashboards/json/.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from alerts.stack.processes import Service, StackError, running

HERE: Final = Path(__file__).parent
RULES: Final = HERE.parent / "rules"
RETENTION: Final = "30d"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack until SIGINT or SIGTERM; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0 after a clean stop, 1 when a program ended by itself, 2 when the stack cannot run.
    """
    options = _parser().parse_args(arguments)
    options.bot = options.bot or ["127.0.0.1:8000"]
    stop: list[int] = []

    def wish(number: int, frame: FrameType | None) -> None:
        stop.append(number)

    before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        folder: Path = options.data
        prepare(options)
        programs = services(options)
        with running(programs, folder) as processes:
            print(_where(options), flush=True)
            vital = {service.name for service in programs if service.vital}
            while not stop:
                ended = [name for name, process in processes.items() if process.poll() is not None]
                for name in ended:
                    if name in vital:
                        print(
                            f"{name} ended by itself, see {folder / name}.log; the others are stopped", file=sys.stderr
                        )
                        return 1
                    print(
                        f"{name} ended by itself, see {folder / name}.log; the others go on",
                        file=sys.stderr,
                        flush=True,
                    )
                    del processes[name]
                time.sleep(0.1)
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _where(options: argparse.Namespace) -> str:
    """Say where everything is, and what to do next."""
    host = "127.0.0.1" if options.listen in ("", "0.0.0.0") else options.listen
    prometheus = f"http://{host}:{options.prometheus_port}"
    return "\n".join(
        (
            f"Prometheus     {prometheus}/targets and {prometheus}/alerts",
            f"Alertmanager   http://{host}:{options.alertmanager_port}",
            f"node exporter  http://{host}:{options.node_exporter_port}/metrics",
            f"bots           {', '.join(options.bot)} (--bot HOST:PORT for others; make demo runs one)",
            f"data and logs  {options.data}",
            "Next: send alerts to your phone with --alertmanager-config (docs/how-to/phone.md). Ctrl-C stops all.",
        )
    )


def prepare(options: argparse.Namespace) -> None:
    """Lay the configuration out as the containers see it, with this machine's targets.

    Args:
        options: The command line.

    Raises:
        StackError: When there are no rules, or the configuration is refused by Prometheus's own check.
    """
    folder: Path = options.data
    rules = [path for suffix in ("yml", "yaml") for path in sorted(options.rules.glob(f"*.{suffix}"))]
    if not rules:
        raise StackError(
            f"{options.rules}: there are no rules (*.yml) in it, so no alert could fire; nothing was started"
        )
    try:
        for name in ("rules", "targets"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(parents=True)
        config = (HERE / "prometheus.yml").read_text(encoding="utf-8")
        for name in ("scrape_interval", "scrape_timeout") if options.scrape_interval else ():
            config = re.sub(rf"^(  {name}): .*$", rf"\1: {options.scrape_interval}", config, flags=re.M)
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        for path in rules:
            shutil.copy(path, folder / "rules" / f"{path.stem}.yml")
    except OSError as error:
        raise StackError(f"{error.filename}: {error.strerror}") from None
    local = "127.0.0.1" if options.listen in ("", "0.0.0.0") else options.listen
    targets = {
        "tradmetrics": options.bot,
        "prometheus": [f"{local}:{options.prometheus_port}"],
        "alertmanager": [f"{local}:{options.alertmanager_port}"],
        "node": [f"{local}:{options.node_exporter_port}"],
    }
    for name, addresses in targets.items():
        (folder / "targets" / f"{name}.yml").write_text(f"- targets: {list(addresses)}\n", encoding="utf-8")
    if promtool := shutil.which("promtool"):
        check = subprocess.run([promtool, "check", "config", str(folder / "prometheus.yml")], capture_output=True)
        if check.returncode:
            reason = (check.stderr or check.stdout).decode(errors="replace").split("FAILED:")[-1]
            raise StackError(f"prometheus.yml: {' '.join(reason.split())}")


def services(options: argparse.Namespace) -> list[Service]:
    """Return the programs of the stack in the order in which they start."""
    folder: Path = options.data
    return [
        Service(
            "node-exporter",
            ("prometheus-node-exporter", "node_exporter"),
            (),
            options.listen,
            options.node_exporter_port,
            "/",
            "prometheus-node-exporter",
            vital=False,
        ),
        Service(
            "alertmanager",
            ("prometheus-alertmanager", "alertmanager"),
            (
                f"--config.file={options.alertmanager_config}",
                f"--storage.path={folder / 'alertmanager'}",
                "--cluster.listen-address=",
            ),
            options.listen,
            options.alertmanager_port,
            "/-/ready",
            "prometheus-alertmanager",
        ),
        Service(
            "prometheus",
            ("prometheus",),
            (
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                *(["--web.enable-admin-api"] if options.admin else []),
            ),
            options.listen,
            options.prometheus_port,
            "/-/ready",
            "prometheus",
        ),
    ]


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def _duration(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*(ms|s|m)", text):
        raise argparse.ArgumentTypeError(f"expected a duration such as 5s, got {text!r}")
    return text


def _parser() -> argparse.ArgumentParser:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    parser = argparse.ArgumentParser(prog="python -m alerts.stack", description=__doc__)
    add = parser.add_argument
    add("--bot", metavar="HOST:PORT", action="append", help="a /metrics to scrape (default: 127.0.0.1:8000)")
    add("--listen", metavar="ADDRESS", default="127.0.0.1", help="the address to listen on (default: loopback only)")
    add("--prometheus-port", metavar="PORT", type=_port, default=9090)
    add("--alertmanager-port", metavar="PORT", type=_port, default=9093)
    add("--node-exporter-port", metavar="PORT", type=_port, default=9100)
    add("--scrape-interval", metavar="DURATION", type=_duration, help="how often to scrape (default: 5s)")
    add("--rules", metavar="FOLDER", type=Path, default=RULES, help="the folder with the rule files")
    add("--alertmanager-config", metavar="FILE", type=Path, default=HERE / "alertmanager.yml")
    add("--data", metavar="FOLDER", type=Path, default=state / "tradmetrics-stack", help="where data and logs go")
    add("--admin", action="store_true", help="let the API make snapshots (and delete data), as backups need it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
