"""The benchmark page, from what `make bench` measured: `python -m docs.tools.benchmarks` measures anew."""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from docs.tools.markdown import code, generated, table

RESULTS: Final = Path(__file__).parent.parent / "data" / "benchmarks.json"
ROOT: Final = Path(__file__).parent.parent.parent


def measure() -> None:
    """Run the benchmarks and keep their results, with the date."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "results.json"
        subprocess.run([sys.executable, "-m", "tests.bench", "--json", str(output)], cwd=ROOT, check=True)
        results = json.loads(output.read_text(encoding="utf-8"))
    results["about"] = {"date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(), **results["about"]}
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def page() -> str:
    """Return the page."""
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    about = results["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about.items() if name != "date")
    rows = [
        (
            each["name"],
            f"{each['overhead']:,}",
            _spelled(each["reference"]),
            f"{each['reference_nanoseconds']:,}",
            f"{each['ratio']:.2f}",
            "" if each["target"] is None else f"≤ {each['target']:.2f}",
        )
        for each in results["rows"]
    ]
    head = ("What is called", "Overhead (ns)", "By hand", "(ns)", "Ratio", "Target")
    parts = [
        generated(),
        "# Benchmarks",
        f"Measured on {about['date']} with {versions}. `make bench` measures on your machine; "
        "`python -m docs.tools.benchmarks` puts the figures of a machine into this page.",
        "**Overhead** is the decorated call less the bare one, the median over interleaved rounds, in nanoseconds. "
        "**By hand** is what the same would cost with the code in that column. A ratio below 1 is cheaper than that.",
        table(head, rows),
        "What is compared, and what these figures leave out, is in [What it costs](../explanation/costs.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _spelled(reference: str) -> str:
    return reference if reference.startswith("by hand") else code(reference)


if __name__ == "__main__":
    measure()
    sys.exit(0)
