"""Back up and restore the data of Prometheus and Grafana: `python -m alerts.stack.backup --help`.

Both back-ups are taken while the program runs. A restore goes into an empty folder, before the program starts on it.
"""

import argparse
import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_SECONDS: Final = 600.0
_DATABASE: Final = "grafana.db"


class BackupError(Exception):
    """The backup or restore cannot be done; the message is one line."""


def back_up_prometheus(url: str, data: Path, archive: Path) -> None:
    """Write a snapshot of everything that Prometheus has, what is still in memory included.

    Args:
        url: The URL of Prometheus, started with `--web.enable-admin-api`.
        data: Its folder (`--storage.tsdb.path`), as this machine sees it.
        archive: The `.tar.gz` to write.

    Raises:
        BackupError: When Prometheus refuses, or the snapshot is not in the folder.
    """
    request = urllib.request.Request(f"{url.rstrip('/')}/api/v1/admin/tsdb/snapshot", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            name = json.load(answer)["data"]["name"]
    except urllib.error.HTTPError as error:
        reason = json.loads(error.read() or b"{}").get("error", error.reason)
        raise BackupError(f"Prometheus made no snapshot: {reason} (start it with --web.enable-admin-api)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"Prometheus made no snapshot: {getattr(error, 'reason', None) or error}") from None
    snapshot = data / "snapshots" / str(name)
    if not snapshot.is_dir():
        raise BackupError(f"{snapshot} is not there: is {data} the folder of the Prometheus at that URL?")
    try:
        _pack(snapshot, archive)
    finally:
        shutil.rmtree(snapshot, ignore_errors=True)


def back_up_grafana(data: Path, archive: Path) -> None:
    """Write Grafana's data: users, settings, and dashboards that were made by hand.

    Args:
        data: Its folder, `/var/lib/grafana` or the volume of that path.
        archive: The `.tar.gz` to write.

    Raises:
        BackupError: When the folder has no database of Grafana.
    """
    if not (data / _DATABASE).is_file():
        raise BackupError(f"{data}: there is no {_DATABASE} in it")
    with tempfile.TemporaryDirectory(prefix="grafana-backup-") as folder:
        copy = Path(folder) / "grafana"
        shutil.copytree(data, copy, ignore=shutil.ignore_patterns(f"{_DATABASE}*", "*.sock"))
        # SQLite's own backup sees one state of the database, however much Grafana writes meanwhile.
        source, target = sqlite3.connect(data / _DATABASE), sqlite3.connect(copy / _DATABASE)
        try:
            source.backup(target)
        except sqlite3.Error as error:
            raise BackupError(f"{data / _DATABASE}: {error}") from None
        finally:
            target.close()
            source.close()
        _pack(copy, archive)


def restore(archive: Path, data: Path) -> None:
    """Unpack a backup into the folder that the program will be started on.

    Args:
        archive: What `back_up_prometheus` or `back_up_grafana` wrote.
        data: The folder; it must be empty or absent, so that nothing is mixed with what was there.

    Raises:
        BackupError: When the folder is not empty, or the archive cannot be read.
    """
    if data.exists() and any(data.iterdir()):
        raise BackupError(f"{data} is not empty; move what is there away first")
    data.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):
                packed.extractall(data, filter="data")
            else:
                packed.extractall(data)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise BackupError(f"{archive}: {error}") from None


def _pack(folder: Path, archive: Path) -> None:
    # Written beside its place first: a backup that was cut off must not look like one.
    partial = archive.with_name(f"{archive.name}.partial")
    try:
        with tarfile.open(partial, "w:gz") as packed:
            packed.add(folder, arcname=".")
        partial.replace(archive)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BackupError(f"{archive}: {error.strerror or error}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 2 when it cannot be done.
    """
    parser = argparse.ArgumentParser(prog="python -m alerts.stack.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_ in (("prometheus", "back up Prometheus"), ("grafana", "back up Grafana"), ("restore", "restore")):
        command = commands.add_parser(name, help=help_)
        command.add_argument("--data", type=Path, required=True, help="the program's data folder")
        command.add_argument("archive", type=Path, help="the .tar.gz file")
        if name == "prometheus":
            command.add_argument("--url", default="http://127.0.0.1:9090", help="its URL (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "prometheus":
            back_up_prometheus(options.url, options.data, options.archive)
        elif options.command == "grafana":
            back_up_grafana(options.data, options.archive)
        else:
            restore(options.archive, options.data)
    except BackupError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
