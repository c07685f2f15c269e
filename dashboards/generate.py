"""Write the dashboards' JSON: `python -m dashboards.generate [--check]`.

`--check` writes nothing and exits 1 when a file is not what would be written.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.generate import SettingsError
from dashboards import execution, limits, main, market_data, models, risk, strategy, system

OUTPUT: Final = Path(__file__).parent / "json"
_BUILDERS: Final = (main, execution, risk, market_data, strategy, models, system)


def dashboards() -> dict[str, dict[str, Any]]:
    """Build every dashboard, by the name of its file."""
    return {f"{module.__name__.rpartition('.')[2]}.json": module.build() for module in _BUILDERS}


def render() -> dict[str, str]:
    """Build the text of every file, by its name."""
    return {name: json.dumps(content, indent=2, sort_keys=True) + "\n" for name, content in dashboards().items()}


def run(arguments: list[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 when `--check` found a difference, or 2 when the settings cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument(
        "--settings", type=Path, action="append", default=[], help="a file laid over alerts/settings.yml"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file would change")
    options = parser.parse_args(arguments)
    try:
        limits.use(options.settings)
    except (SettingsError, OSError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 2
    files = {options.output / name: text for name, text in render().items()}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if options.check:
        for path in stale:
            print(f"{path} is not what its generator writes; run python -m dashboards.generate", file=sys.stderr)
        return 1 if stale else 0
    options.output.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(run())
