"""Pieces of the texts of alerts, in Prometheus's template language."""

from typing import Final

# A count in a text is a whole number.
COUNT: Final = '{{ $value | printf "%.0f" }}'
MONEY: Final = '{{ $value | printf "%.2f" }}'
# A quantity has as many decimals as it needs, and no exponent: 1000000, 0.5.
QUANTITY: Final = '{{ reReplaceAll "[.]?0+$" "" ($value | printf "%.8f") }}'
PERCENT: Final = '{{ $value | printf "%.1f" }}%'
SHARE: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"


def many(one: str, several: str) -> str:
    """Write a count with its noun, in the singular for 1."""
    return f"{COUNT} {{{{ if eq $value 1.0 }}}}{one}{{{{ else }}}}{several}{{{{ end }}}}"


BOT: Final = "{{ $labels.instance }}"
