"""Contracts fold into what they are written on, and everything else stays as it is."""

import pathlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded import errors
from tradmetrics import (
    MetricDefinition,
    TradingMetrics,
    TradmetricsError,
    arg,
    result,
    track,
    track_market_data,
    underlying,
)
from tradmetrics.capture.sources import Mapped
from tradmetrics.vocabulary.symbols import underlying_of

SYMBOLS = [
    line
    for line in (pathlib.Path(__file__).parents[1] / "data" / "symbols.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]

CONTRACTS = {
    "NIFTY": [
        *("NIFTY24600CE", "NIFTY24NOV24600CE", "NIFTY24NOV24600PE", "NIFTY25JANFUT", "NIFTY24N0724600CE"),
        *("NIFTY24O1025000PE", "NIFTY24D0524500CE", "NIFTY2410421700CE", "NIFTY2411121650PE", "NFO:NIFTY24NOV24600CE"),
        *("NIFTY28NOV24FUT", "NIFTY28NOV24F", "NIFTY28NOV24C24600", "NIFTY28NOV24P24600", "NIFTY28NOV2424600CE"),
        *("NFO:NIFTY28NOV24FUT", "NIFTY24NOVFUT.NSE", "NIFTY24N0724600CE.NSE", "NIFTY05DEC24P24550.5"),
    ],
    "BANKNIFTY": [
        *("BANKNIFTY24N0651500PE", "BANKNIFTY24DEC50000PE", "BANKNIFTY2492554000PE", "BANKNIFTY24NOVFUT"),
        *("BANKNIFTY27NOV24FUT", "BANKNIFTY27NOV2451500CE", "BANKNIFTY24NOVFUT.NSE"),
    ],
    "NIFTYNXT50": [
        *("NIFTYNXT5024NOV70000CE", "NIFTYNXT5024NOVFUT", "NIFTYNXT5024N2970000CE", "NIFTYNXT5029NOV24FUT"),
        *("NIFTYNXT5025103170000CE", "NIFTYNXT5026DEC24C70000", "NIFTYNXT5070000CE"),
    ],
    "SENSEX50": ["SENSEX5024NOV25000CE", "SENSEX5024N0825000CE", "SENSEX5025110725000PE"],
    "SENSEX": [
        *("SENSEX24N0880000CE", "SENSEX2640977100CE", "BFO:SENSEX24N0880000CE", "SENSEX50000CE"),
        *("SENSEX2450350000CE", "SENSEX24O0450000CE"),
    ],
    "CRUDEOIL": ["CRUDEOIL24NOVFUT", "CRUDEOIL19NOV24FUT", "MCX:CRUDEOIL19NOV24FUT"],
    "RELIANCE": ["RELIANCE24NOV1300CE", "RELIANCE24NOVFUT"],
    "M&M": ["M&M24NOV2900CE", "M&M24NOVFUT"],
    "BAJAJ-AUTO": ["BAJAJ-AUTO24NOV10000PE"],
    "360ONE": ["360ONE24NOV1000CE"],
    "IDEA": ["IDEA24NOV8.5CE", "IDEA8CE"],
    "USDINR": ["USDINR24NOVFUT", "USDINR24N0884.25CE", "USDINR24NOV84.5PE"],
    "AAPL": [
        *("AAPL  240119C00190000", "AAPL240119C00190000", "O:AAPL240119C00190000", "AAPL  240119P00187500"),
        *("AAPL240119C00190000.OPRA", "AAPL  240119C00190000.OPRA", ".AAPL240119C190", "AAPL_011924C190"),
        *(".AAPL240119P187.5", "AAPL_011924P187.5"),
    ],
    "F": ["F     240119C00012350"],
    "BRK.B": ["BRK.B 240621C00400000", "BRK.B_062124C400"],
    "BRK/B": [".BRK/B240621C400"],
    "SPXW": ["SPXW  240119P04700000", "SPXW240119C04755000"],
    "GOOGL": ["GOOGL1240119C00140000"],
    "ES": [
        *("ESZ4", "ESH5", "ESZ24", "ESZ2024", "/ESZ24", "CME_MINI:ESZ2024", "ESZ4 C6000", "ESZ4P5800", " ESZ4 "),
        *("ESZ4.CME", "ESZ24.CME", "ESZ24.XCME", "ESZ4.GLBX", "ESZ4 C6000.CME"),
    ],
    "6E": ["6EZ4", "6EH25"],
    "M6E": ["M6EH5"],
    "SR3": ["SR3Z5"],
    "CL": ["CLF5", "CLZ24", "CLF25.NYM", "CLX25", "CLF5.NYMEX"],
    "B": ["BF5"],
    "FGBL": ["FGBLZ4"],
    "FDAX": ["FDAXZ4"],
    "XBT": ["XBTZ24", "XBTZ24.BITMEX"],
    "XBTUSD": ["FI_XBTUSD_241227", "FI_XBTUSD_241227.KRAKEN"],
    "ETHUSD": ["FF_ETHUSD_241227"],
    "BTC": [
        *("BTC/USDT:USDT-241227-70000-C", "BTC/USDT:USDT-241108-69500-P", "BTC/USDT:USDT-241227"),
        *("BTC/USD:BTC-250328", "BTC/USD:BTC-241227-100000-C", "BTC-27DEC24", "BTC-27DEC24-70000-C"),
        *("BTC_USDC-8NOV24-69500-C", "BTC-241227-70000-C", "BTC-USD-241227-70000-C", "BTC-USD-250328"),
        *("BTC-27DEC24-70000-C-USDT", "BTC-27DEC24.DERIBIT", "BTC-27DEC24-70000-C.DERIBIT", "BTC-USD-241227.OKX"),
    ],
    "ETH": ["ETH/USD:ETH-250328-3500-P", "ETH/USDT:USDT-250627", "ETH-28MAR25-3500-P"],
    "XRP": ["XRP_USDC-29NOV24-0d55-C", "XRP/USDC:USDC-241129-0.55-C"],
    "1000SHIB": ["1000SHIB/USDT:USDT-241227"],
    "BTCUSDT": ["BTCUSDT_241227", "BTCUSDT_241227.BINANCE"],
    "FI": ["FI_241227"],
}

MORE_CONTRACTS = {
    "NIFTY": [
        *("NIFTY-Dec2025-26000-CE", "NIFTY-Jan2026-FUT", "NIFTY 02 DEC 26000 CALL", "NIFTY 30 DEC 25950.5 PUT"),
        *("NIFTY DEC FUT", "NSE:NIFTY251202C26000", "NIFTY251202P26000.5"),
    ],
    "BTC": [
        *("BTC-FS-26DEC25_PERP", "BTC-FS-26DEC25_27MAR26", "BTC-CS-26DEC25-100000_110000"),
        *("BTC-FS-31DEC21-PERP", "BTC-CBUT111-26DEC25-80000_90000_100000"),
        *("BTC-CCAL-26DEC25_30JAN26-100000", "BTC-ICOND-5DEC25-80000_85000_95000_100000", "BTC_USDC-FS-26DEC25_PERP"),
        *("BTC_USDT_20251226", "BTC_USDT-20251226-70000-C", "BTC-USD_UM-251226", "BTC-USD_UM-251226-70000-P"),
    ],
    "ETH": ["ETH-PS-26DEC25-3000_2800", "ETH_USDT_20260327"],
    "ES": ["/ESZ25:XCME", "./ESZ5 EW1Z5 251205C6800", "./ESZ25C6800:XCME", "./ESH6 ESH6 260320P6500"],
    "CL": ["/CLF26:XNYM"],
    "ODAX": ["C ODAX 20251219 24000 M", "P ODAX 20251219 23950.5 M"],
    "BMW": ["P BMW  20251219 90 M"],
    "FDAX": ["FDAX 20251219 M"],
    "rb": ["rb2605", "rb2605.SHFE", "SHFE.rb2605", "rb2605C3500"],
    "au": ["au2606", "au2606C800"],
    "m": ["m2605", "m2605-C-3000", "m2605-P-2900.DCE"],
    "sc": ["sc2601"],
    "RB": ["RB2605.SHF", "RB2605.XSGE"],
    "M": ["M2605-C-3000.DCE"],
    "si": ["si2603"],
    "IF": ["IF2512", "IF2603.CFFEX", "CFFEX.IF2603"],
    "IO": ["IO2512-C-4500"],
    "T": ["T2603"],
    "SR": ["SR605", "SR605C5500", "SR605-P-5300", "SR605.CZCE", "SR605.CZC"],
    "TA": ["TA601"],
    "510050": ["510050C2512M03000", "510050P2603A03000"],
}
for _root, _symbols in MORE_CONTRACTS.items():
    CONTRACTS[_root] = [*CONTRACTS.get(_root, ()), *_symbols]

NO_CONTRACTS = [
    *("", "A", "F", "AAPL", "BRK.B", "RELIANCE", "NIFTY", "NIFTY 50", "BANKNIFTY", "SENSEX", "INDIA VIX"),
    *("BTC/USDT", "BTC/USDT:USDT", "ETH/USD:ETH", "BTC-PERPETUAL", "BTC-USDT-SWAP", "BTCUSDT", "BTCUSD_PERP"),
    *("EURUSD", "EUR/USD", "XAUUSD", "ES=F", "ES1!", "/ES", "^GSPC", "0700.HK", "600519", "005930.KS", "VALE3"),
    *("DAX40", "HK50", "CN50", "STOXX50", "US30", "SPX500", "FTSE100", "US0378331005", "INE002A01018", "Z24"),
    *("123456-241227", "NIFTYCE", "24600CE", "AAPL 2401C00190000", "BTC/USDT:USDT-241227-C", "ESZ123", "ESA4"),
    *("IBEX35", "DAX30", "TECDAX30", "DJ30", "HK33", "OMX30", "OMXH25", "SPN35", "CH20", "AEX25", "NETH25", "ATX20"),
    *(
        "SENSEX30",
        "BANKEX10",
        "VN30",
        "TOPIX30",
        "WIG20",
        "WIG30",
        "MOEX10",
        "OBX25",
        "EGX30",
        "IDX30",
        "ASX20",
        "SG30",
    ),
    *("NZX20", "DAX30.IG", "HK33.OANDA", "BRK.B.NYSE", "RELIANCE.NS", "RELIANCE.NSE", "AAPL.NASDAQ", "BTCUSDT.BINANCE"),
    *(
        "BTCUSDT-PERP.BINANCE",
        "PI_XBTUSD",
        "PF_ETHUSD",
        "EUR/USD.IDEALPRO",
        "ES.CME",
        "ESZ4.",
        "ESZ4.cme",
        "ESZ4.CME.X",
    ),
    # Shares in Frankfurt, São Paulo and Singapore: the suffix names the exchange, so they stay.
    *("HEN3.DE", "PAH3.DE", "SIX2.DE", "VH2.XETRA", "RAIZ4.SA", "KLBN11.SA", "GOAU4.BVMF", "BN4.SGX", "BN4.SI"),
    *("US912828C572", ".AAPL", ".AAPL240119C", "AAPL 240119C190", "NIFTY28NOV24", "NIFTY28NOV24X24600"),
    *(
        "rb2613",
        "rb2600",
        "xx2605",
        "RB2605",
        "if2512",
        "US500",
        "US2000",
        "NAS100",
        "AU200",
        "JP225",
        "SR600",
        "SR613",
    ),
    *("F5", "T", "P", "C", "V2TX", "BTC-PERP", "BTC_USDT", "cmt_btcusdt", "EUR.USD", "600519", "1000PEPE/USDT:USDT"),
    *("NIFTY-2025-26000-CE", "NIFTY 40 DEC", "NIFTY251302C26000", "BTC-FS", "BTC-FS-PERP", "BTC_USDT_20251326"),
    *("C ODAX 20251219", "FDAX 20251319 M", "510050C2513M03000", "./ESZ5", "P BMW 90 M", "ES:XCME", "SHFE.rb"),
    *("gamma_scalping", "unknown", "__other__", " AAPL "),
]


@pytest.mark.parametrize(
    ("symbol", "expected"), [(symbol, expected) for expected, symbols in CONTRACTS.items() for symbol in symbols]
)
def test_contracts_fold_into_their_underlying(symbol, expected):
    """Every new expiry and strike would be a new series."""
    assert expected == underlying_of(symbol)


@pytest.mark.parametrize("symbol", NO_CONTRACTS)
def test_everything_else_stays(symbol):
    """A stock, a pair or an index would be recorded under a name that does not exist."""
    assert symbol == underlying_of(symbol)


SECTIONS = (pathlib.Path(__file__).parents[1] / "data" / "symbols.txt").read_text(encoding="utf-8").split("\n# ")


@pytest.mark.parametrize("heading", ["US stocks", "Other exchanges", "NSE stocks", "Currencies", "Strategies"])
def test_no_stock_pair_or_strategy_of_the_list_is_taken_for_a_contract(heading):
    """Symbols of stocks, pairs and indices would lose part of their name."""
    (section,) = (section for section in SECTIONS if section.startswith(heading))
    symbols = section.splitlines()[1:]

    assert symbols
    assert symbols == [underlying_of(symbol) for symbol in symbols]


@given(st.one_of(st.text(), st.sampled_from(SYMBOLS), st.from_regex(r"[A-Z0-9/:. -]{0,30}", fullmatch=True)))
def test_any_text_folds_to_a_part_of_itself(text):
    """A symbol would get a name that it does not contain, or the call would raise."""
    assert underlying_of(text) in text


def test_a_long_text_stays():
    """A huge value would be searched, and kept in memory."""
    text = " " * 1_000_000 + "ESZ4"

    assert text == underlying_of(text)


def test_a_constant_is_folded_at_once():
    """A constant symbol would be folded again on every call."""
    assert "NIFTY" == underlying("NIFTY24600CE")


def test_a_source_is_wrapped():
    """`symbol=underlying(arg("symbol"))` would record the contract."""
    assert Mapped(arg("symbol"), underlying_of) == underlying(arg("symbol"))


def test_wrapped_sources_are_values_that_show_what_they_are():
    """Two equal decorators would compare as different, and messages would hide the source."""
    wrapped = underlying(arg("symbol"))
    assert wrapped == underlying(arg("symbol"))
    assert hash(wrapped) == hash(underlying(arg("symbol")))
    assert wrapped not in (arg("symbol"), underlying(arg("other")), underlying(result("symbol")))
    assert wrapped != Mapped(arg("symbol"), str.upper)
    assert "underlying_of(arg('symbol'))" == repr(wrapped)
    with pytest.raises(TradmetricsError) as caught:
        track_market_data(symbol=underlying(arg("wat")))(lambda symbol: None)
    assert "symbol=arg('wat') names no parameter" in str(caught.value)


@pytest.mark.parametrize("source", [result("symbol"), lambda call: call.result])
def test_what_a_call_does_not_have_stays_unknown(source):
    """A call that raised would count under the underlying of the word `None`, or as an error."""
    metrics = TradingMetrics()

    @track_market_data(symbol=underlying(source), metrics=metrics)
    def on_tick():
        return None if callable(source) else {"symbol": None}

    on_tick()
    assert 1 == metrics.registry.get_sample_value("trading_market_data_updates_total", {"symbol": "unknown"})

    lost = MetricDefinition("ticks_lost_total", "counter", "Ticks.", ("symbol",))

    @track(lost, symbol=underlying(source), on="raised", metrics=metrics)
    def fail():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert 1 == metrics.registry.get_sample_value("ticks_lost_total", {"symbol": "unknown"})
    assert {} == errors(metrics)


def test_a_decorated_function_records_the_underlying():
    """The fold would work in theory and not where it is used."""
    metrics = TradingMetrics()

    @track_market_data(symbol=underlying(arg("tick.symbol")), metrics=metrics)
    def on_tick(tick):
        return tick

    for symbol in ("NIFTY24NOV24600CE", "NIFTY24N0724600PE", "ESZ4", "BTC/USDT"):
        on_tick(SimpleNamespace(symbol=symbol))

    counts = {
        symbol: metrics.registry.get_sample_value("trading_market_data_updates_total", {"symbol": symbol})
        for symbol in ("NIFTY", "ES", "BTC/USDT", "NIFTY24NOV24600CE")
    }
    assert {"NIFTY": 2.0, "ES": 1.0, "BTC/USDT": 1.0, "NIFTY24NOV24600CE": None} == counts
