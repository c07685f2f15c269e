"""The reference of the command line, from the commands themselves."""

import re
from typing import Any

from docs.tools.markdown import code, generated, table


def page() -> str:
    """Return the page."""
    import typer

    from tradmetrics.cli import build

    root: Any = typer.main.get_command(build())
    parts = [
        generated(),
        "# Command line",
        "`pip install 'tradmetrics[cli]'` installs the command `tradmetrics`; `python -m tradmetrics` is the same.",
        root.help,
        table(("Option", "Meaning"), _options(root)),
    ]
    for name, command in root.commands.items():
        usage = f"tradmetrics {name} [OPTIONS]" + "".join(f" {each}" for each in _arguments(command))
        parts += [
            f"## tradmetrics {name} {{#{name}}}",
            f"```text\n{usage}\n```",
            _plain(command.help or ""),
            table(("Option", "Default", "Meaning"), _rows(command)),
        ]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    # Markdown makes no link of a bare address, and would read an option's placeholder as HTML.
    text = re.sub(r"(?<![`<])(https?://\S+[^\s.])", r"`\1`", text.replace("\b\n", ""))
    return text.strip()


def _arguments(command: Any) -> list[str]:
    return [_placeholder(each) for each in command.params if each.param_type_name == "argument"]


def _placeholder(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()).rstrip("…") + ("..." if argument.nargs == -1 else "")


def _options(command: Any) -> list[tuple[str, str]]:
    return [
        (_spelling(each), each.help or "") for each in command.params if each.param_type_name == "option" and each.help
    ]


def _rows(command: Any) -> list[tuple[str, str, str]]:
    rows = []
    for each in command.params:
        default = each.default
        shown = "" if default is None or isinstance(default, bool | tuple) or callable(default) else code(str(default))
        rows.append((_spelling(each), shown, each.help or ""))
    return rows


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(_placeholder(parameter))
    metavar = "" if getattr(parameter, "is_flag", False) else f" {parameter.metavar or 'TEXT'}"
    return ", ".join(code(f"{option}{metavar}") for option in parameter.opts)
