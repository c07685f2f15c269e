"""Symbols of options and futures, folded into what they are written on.

Contracts expire and new ones are listed every week, so a label of contract symbols grows for ever. Folding is a
choice: `symbol=underlying(arg("symbol"))`.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

_MONTH: Final = "(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
_YEAR: Final = "(?:[0-9]|(?:20)?[1-3][0-9])"  # two digits from 10 to 39 only: DAX40 and HK50 are indices
_MONTH_IN_WORDS: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_MONTH_NUMBER: Final = "(?:0[1-9]|1[0-2])"
_DATE: Final = rf"[0-9]{{2}}{_MONTH_NUMBER}(?:0[1-9]|[12][0-9]|3[01])"
_DAY: Final = rf"[0-9]{{1,2}}{_MONTH}[0-9]{{2}}"
# The varieties of the Chinese exchanges by name, because two letters and three digits are other things as well: US500.
_CHINESE_4: Final = (
    "cu|al|zn|pb|ni|sn|au|ag|rb|wr|hc|ss|fu|bu|ru|br|sp|ao|ad|op|sc|lu|nr|bc|ec|a|b|m|y|p|c|cs|rr|jd|lh|fb|bb|i|j|jm|l"
    "|v|pp|eg|eb|pg|lg|bz|si|lc|ps|pt|pd|IF|IC|IH|IM|IO|MO|HO|T|TF|TS|TL"
)
_CHINESE_3: Final = "SR|CF|CY|TA|OI|MA|FG|RM|RS|SF|SM|ZC|AP|CJ|PK|UR|SA|PF|PX|SH|PR|PL|WH|PM|RI|LR|JR"
_CHINESE_VENUE: Final = "(?:SHFE|INE|DCE|CZCE|CZC|ZCE|CFFEX|GFEX|SHF|CFX|GFE|XSGE|XINE|XDCE|XZCE|CCFX)"
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_VENUE: Final = "(?:[A-Z_]+:)?"  # NFO:NIFTY24NOVFUT, O:AAPL240119C00190000, CME_MINI:ESZ2024
_AT: Final = r"(?:\.[A-Z][A-Z0-9_]+)?"  # NIFTY24NOVFUT.NSE, BTC-27DEC24.DERIBIT
# A month code and a year alone could be a share as well: HEN3.DE, RAIZ4.SA. Nothing but futures has these venues.
_FUTURES_AT: Final = (
    r"(?:\.(?:X?CME|X?CBO?T|GLBX|NYMEX|NYM|XNYM|COMEX|CMX|XCEC|CFE|XCBF|ICE|ICE[EU]U|ICEUS|IFEU|IFUS|IPE|NYB|NYBOT|EUREX"
    "|XEUR|DTB|HKFE|OSE|XOSE|SNFE|BITMEX|BYBIT))?"
)
_OCC_ROOT: Final = "[A-Z]{1,6}(?:[./][A-Z])?"

# Each pattern is one way of writing contracts; its group is the underlying.
_CONTRACTS: Final = (
    # NSE, BSE, MCX by month: NIFTY24NOV24600CE, M&M24NOV2900PE, 360ONE24NOV1000CE, NIFTY25JANFUT;
    # by day, as some brokers spell them: NIFTY28NOV24FUT, NIFTY28NOV24F, NIFTY28NOV24C24600, NIFTY28NOV2424600CE
    rf"{_VENUE}((?=[0-9]*[A-Z])[A-Z0-9&-]+)[0-9]{{2}}{_MONTH}"
    rf"(?:{_NUMBER}[CP]E|FUT|[0-9]{{2}}(?:FUT|F|[CP]{_NUMBER})){_AT}",
    # NSE, BSE by week: BANKNIFTY24N0651500PE (6 November), NIFTYNXT5024N2970000CE
    rf"{_VENUE}([A-Z][A-Z0-9&-]*)[0-9]{{2}}[OND][0-9]{{2}}{_NUMBER}[CP]E{_AT}",
    # and with a digit for the month, or without a date: NIFTY2410421700CE, NIFTY24600CE
    rf"{_VENUE}(NIFTYNXT50|SENSEX50(?=[0-9]{{8}})|[A-Z][A-Z&-]*){_NUMBER}[CP]E{_AT}",
    # OCC, padded or not, with the number of an adjusted contract: "AAPL  240119C00190000", GOOGL1240119C00140000
    rf"{_VENUE}({_OCC_ROOT})[0-9]? *[0-9]{{6}}[CP][0-9]{{8}}{_AT}",
    # thinkorswim and Schwab: .AAPL240119C190, AAPL_011924C190
    rf"(?:\.|(?={_OCC_ROOT}_))({_OCC_ROOT})_?[0-9]{{6}}[CP]{_NUMBER}",
    # Futures by month code and year, and options on them: ESZ4, /ESZ24, 6EH5, FGBLZ4, "ESZ4 C6000", ESZ4.CME
    rf"(?:{_VENUE}|/)([A-Z][A-Z0-9]{{0,7}}|[0-9][A-Z]{{1,3}})[FGHJKMNQUVXZ]{_YEAR}"
    rf"(?: ?[CP]{_NUMBER})?(?:{_FUTURES_AT}|:X[A-Z]{{3}})",
    # Crypto, unified by ccxt and by exchange: BTC/USDT:USDT-241227-70000-C, BTC/USD:BTC-250328,
    # BTC-27DEC24-70000-C, XRP_USDC-29NOV24-0d55-P, BTC-USD-241227, BTCUSDT_241227, FI_XBTUSD_241227
    r"(?:F[FI]_)?((?=[0-9]*[A-Z])[A-Z0-9]+)(?:[/_-][A-Z0-9]+(?::[A-Z0-9]+)?)?[-_]"
    rf"(?:[0-9]{{6}}|[0-9]{{1,2}}{_MONTH}[0-9]{{2}})(?:-[0-9][0-9.d]*-[CP](?:-[A-Z]+)?)?{_AT}",
    # OKX with a margin, Gate: BTC-USD_UM-251226, BTC_USDT_20251226, BTC_USDT-20251226-70000-C
    rf"((?=[0-9]*[A-Z])[A-Z0-9]+)[-_][A-Z]{{2,5}}(?:_UM)?[-_](?:20)?{_DATE}(?:-{_NUMBER}-[CP])?",
    # Deribit's combinations: BTC-FS-26DEC25_PERP, BTC-CS-26DEC25-100000_110000, BTC-CCAL-26DEC25_30JAN26-100000
    rf"([A-Z][A-Z0-9]*)(?:_[A-Z]+)?-[A-Z]{{2,6}}[0-9]{{0,3}}-{_DAY}(?:[_-](?:PERP|{_DAY}))?(?:-[0-9][0-9d_]*)?",
    # Dhan: NIFTY-Dec2025-26000-CE, NIFTY-Dec2025-FUT, "NIFTY 02 DEC 26000 CALL", "NIFTY DEC FUT"
    rf"([A-Z][A-Z0-9&-]*)-{_MONTH_IN_WORDS}20[0-9]{{2}}-(?:{_NUMBER}-[CP]E|FUT)",
    rf"([A-Z][A-Z0-9&-]*) (?:[0-9]{{1,2}} )?{_MONTH} (?:{_NUMBER} (?:CALL|PUT)|FUT)",
    # TradingView: NSE:NIFTY251202C26000
    rf"{_VENUE}([A-Z][A-Z&-]*){_DATE}[CP]{_NUMBER}",
    # tastytrade and dxfeed, options on futures: "./ESZ5 EW1Z5 251205C6800", ./ESZ25C6800:XCME
    rf"\./([A-Z][A-Z0-9]{{0,3}}|[0-9][A-Z]{{1,3}})[FGHJKMNQUVXZ]{_YEAR}"
    rf"(?: +[A-Z0-9]+ +{_DATE}[CP]{_NUMBER}|[CP]{_NUMBER}(?::[A-Z]+)?)",
    # Eurex at Interactive Brokers: "C ODAX 20251219 24000 M", "FDAX 20251219 M"
    rf"[CP] ([A-Z][A-Z0-9]*) +20{_DATE} {_NUMBER} M",
    rf"([A-Z][A-Z0-9]*) +20{_DATE} M",
    # China: rb2605, IF2512, SR605, m2605-C-3000, cu2605C70000, IO2512-C-4500, 510050C2512M03000
    rf"(?:{_CHINESE_VENUE}\.)?(?:({_CHINESE_4})[0-9]{{2}}{_MONTH_NUMBER}|({_CHINESE_3})[0-9]{_MONTH_NUMBER})"
    rf"(?:-?[CP]-?[0-9]+)?(?:\.{_CHINESE_VENUE})?",
    # and in capitals, which the venue tells from other things: RB2605.SHF, M2605-C-3000.DCE
    rf"([A-Z]{{1,2}})[0-9]{{1,2}}{_MONTH_NUMBER}(?:-?[CP]-?[0-9]+)?\.{_CHINESE_VENUE}",
    rf"([0-9]{{6}})[CP][0-9]{{2}}{_MONTH_NUMBER}[A-Z][0-9]{{5}}",
)
# Indices by the number of their members, which reads as the month and the year of a contract.
_INDICES: Final = frozenset(
    (
        *("ADX15", "AEX25", "ASX20", "ATX20", "BANKEX10", "BELEX15", "CH20", "CROBEX10", "DAX30", "DJ30", "EGX30"),
        *("HK33", "HNX30", "HSTECH30", "IBEX35", "IDX30", "MOEX10", "MSX30", "NETH25", "NZX10", "NZX15", "NZX20"),
        *("OBX25", "OMX30", "OMXH25", "SENSEX30", "SG30", "SMIM30", "SOFIX15", "SPN35", "TECDAX30", "TOPIX30"),
        *("TUNINDEX20", "VN30", "WIG20", "WIG30"),
    )
)
_LONGEST: Final = 48  # no contract's symbol is longer; it also bounds what the cache can hold


def underlying_of(text: str) -> str:
    """Return what the contract `text` is written on, or `text` itself when it is not a contract that expires.

    | symbol | underlying |
    |---|---|
    | `NIFTY24600CE`, `NIFTY24NOV24600CE`, `NIFTY25JANFUT` | `NIFTY` |
    | `NIFTY28NOV24FUT`, `NIFTY28NOV24C24600` | `NIFTY` |
    | `BANKNIFTY24N0651500PE` | `BANKNIFTY` |
    | `AAPL  240119C00190000` (OCC), `.AAPL240119C190`, `AAPL_011924C190` | `AAPL` |
    | `ESZ4`, `ESZ24`, `ESZ4 C6000`, `ESZ4.CME` | `ES` |
    | `BTC/USDT:USDT-241227-70000-C`, `BTC/USDT:USDT-241227`, `BTC-27DEC24-70000-C` | `BTC` |
    | `BTCUSDT_241227`, `FI_XBTUSD_241227` | `BTCUSDT`, `XBTUSD` |
    | `BTC-USD_UM-251226`, `BTC_USDT_20251226`, `BTC_USDT-20251226-70000-C` | `BTC` |
    | `BTC-FS-26DEC25_PERP`, `BTC-CS-26DEC25-100000_110000` | `BTC` |
    | `NIFTY-Dec2025-26000-CE`, `NIFTY 02 DEC 26000 CALL`, `NSE:NIFTY251202C26000` | `NIFTY` |
    | `/ESZ25:XCME`, `./ESZ5 EW1Z5 251205C6800` | `ES` |
    | `C ODAX 20251219 24000 M`, `FDAX 20251219 M` | `ODAX`, `FDAX` |
    | `rb2605`, `IF2512`, `SR605`, `m2605-C-3000`, `510050C2512M03000` | `rb`, `IF`, `SR`, `m`, `510050` |
    | `BTC/USDT`, `BTC/USDT:USDT`, `AAPL`, `BRK.B`, `ES1!`, `IBEX35` | unchanged |

    A crypto contract folds into the base of its pair. The base is what an option gives the right to; quote and
    settlement currency say how it is paid, and a metrics object that trades the same coin on several exchanges, some
    of which leave the quote out of the symbol, should see one underlying. Symbols that do not expire (spot,
    perpetuals, continuous futures) stay as they are: there is a fixed number of them.

    The root is not translated: `SPXW` does not become `SPX`. A share whose ticker is spelled as a future, such as
    `RAIZ4` in São Paulo, looks like one: do not fold the symbols of such a market, unless they name it, as
    `RAIZ4.SA` does.

    Args:
        text: A symbol, in upper case as exchanges write it. Surrounding blanks do not matter.
    """
    return _underlying_of(text) if len(text) <= _LONGEST else text


@cache
def _contracts() -> tuple[re.Pattern[str], ...]:
    """Compile the patterns when the first symbol is folded: importing the package must not wait for it."""
    return tuple(re.compile(pattern) for pattern in _CONTRACTS)


@lru_cache(maxsize=4096)
def _underlying_of(text: str) -> str:
    symbol = text.strip()
    for contract in _contracts():
        match = contract.fullmatch(symbol)
        if match and symbol not in _INDICES:
            return next(group for group in match.groups() if group)
    return text
