"""The command line: `tradmetrics` and `python -m tradmetrics`, with one subcommand per module.

This module only wires; each subcommand is a function in a module of its own. It needs the extra `cli`
(typer and rich), and says so when they are missing.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from tradmetrics.version import __version__

if TYPE_CHECKING:
    import typer

_COMMANDS: Final[Mapping[str, str]] = {
    "demo": "tradmetrics.demo.command",
    "check": "tradmetrics.check",
    "doctor": "tradmetrics.doctor",
    "export": "tradmetrics.board.export",
    "board": "tradmetrics.board.command",
    "top": "tradmetrics.board.top",
}
"""Each subcommand, and the module with the function of that name."""


def main() -> None:
    """Run the command line on `sys.argv`, and exit with its status."""
    try:
        import rich  # noqa: F401 - typer needs it for the help pages
        import typer  # noqa: F401
    except ImportError:
        print("tradmetrics: the command line needs an extra: pip install 'tradmetrics[cli]'", file=sys.stderr)
        raise SystemExit(2) from None
    build()()


def build() -> "typer.Typer":
    """Return the application with every subcommand whose module is there."""
    import typer

    app = typer.Typer(
        help="Decorators that turn trading code into bounded Prometheus metrics.",
        epilog="Start with: tradmetrics demo --speed 50",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def show_version(wanted: bool) -> None:
        if wanted:
            print(f"tradmetrics {__version__}")
            raise typer.Exit

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
        ] = False,
    ) -> None:
        pass

    for name, module in _COMMANDS.items():
        if importlib.util.find_spec(module) is not None:
            function = getattr(importlib.import_module(module), name)
            # Its docstring is the help page, up to the part that is for callers from Python.
            app.command(name, help=inspect.cleandoc(function.__doc__ or "").partition("\nArgs:")[0])(function)
    return app
