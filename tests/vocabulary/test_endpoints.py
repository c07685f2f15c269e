"""The `endpoint` label: the template of a path."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse, urlsplit

import pytest

from tests.recorded import errors, recorded
from tradmetrics import ConfigurationError, MetricsExporter, TradingMetrics, arg, request_timer, track_request

TEMPLATES = {
    "/orders": "/orders",
    "/orders/": "/orders/",
    "orders.create": "orders.create",
    "order-1000": "order-1000",
    "orders?token=T0P": "orders",
    "unmatched": "unmatched",
    "https://trader:pw@api.example.com:8443/v2/orders?apiKey=K3Y&x=/1#top": "/v2/orders",
    "https://api.example.com": "/",
    "https://api.example.com?token=T0P": "/",
    "//api.example.com/v2/clock": "/v2/clock",
    "wss://stream.example.com/ws/btcusdt@trade": "/ws/btcusdt@trade",
    "api.example.com/v2/clock": "/v2/clock",
    "localhost:8000/clock": "/clock",
    "trader:pw@broker/clock": "/clock",
    "GET https://api.example.com/v2/orders/7": "GET /v2/orders/{id}",
    "?token=T0P": "/",
    "/orders;jsessionid=1A2B/open": "/orders/open",
    "/orders/7": "/orders/{id}",
    "/orders/7.json": "/orders/{id}",
    "/orders/1004/legs/2": "/orders/{id}/legs/{id}",
    "/orders/1004,1005": "/orders/{id}",
    "/orders/61e69015-8549-4bfd-b9c3-01e75843f47d": "/orders/{id}",
    "/orders/61E6901585494BFDB9C301E75843F47D": "/orders/{id}",
    "/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV": "/orders/{id}",
    "/orders/5f43a1c99e3b2a00d1e0c7aa": "/orders/{id}",
    "/orders/a1b2c3d4": "/orders/{id}",
    "/users/0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984/fills": "/users/{id}/fills",
    "/orders/OQCLML-BW3P3-BUCMWZ": "/orders/{id}",
    "/orders/order-1000": "/orders/{id}",
    "/orders/clientid_000123": "/orders/{id}",
    "/orders/ORD1000": "/orders/{id}",
    "/orders/order%2D1000": "/orders/{id}",
    "/bars/2026-11-30": "/bars/{id}",
    "/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage": "/{id}/sendMessage",
    "/users/trader@example.com": "/users/{id}",
    "/0/private/AddOrder": "/0/private/AddOrder",
    "/api/v3/order": "/api/v3/order",
    "/v1.0/orders": "/v1.0/orders",
    "/v2/positions/AAPL": "/v2/positions/AAPL",
    "/v2/positions/BTC-USDT-SWAP": "/v2/positions/BTC-USDT-SWAP",
    "/v2/positions/AAPL240119C00190000": "/v2/positions/AAPL240119C00190000",
    "/v2/positions/US500": "/v2/positions/US500",
    "/orders/{order_id}": "/orders/{order_id}",
    "/orders/<int:order_id>": "/orders/<int:order_id>",
}


@pytest.fixture
def metrics() -> TradingMetrics:
    """Metrics of their own."""
    return TradingMetrics()


def endpoints(metrics: TradingMetrics) -> dict[str, float]:
    """Requests by endpoint."""
    return {
        each.labels["endpoint"]: each.value
        for family in metrics.registry.collect()
        for each in family.samples
        if each.name == "trading_api_requests_total"
    }


@pytest.mark.parametrize("address", TEMPLATES)
def test_an_address_becomes_the_template_of_its_path(metrics: TradingMetrics, address: str) -> None:
    """API keys would stand on /metrics in the clear, and each order would be a series."""
    send = track_request(endpoint=arg("address"), method="GET", metrics=metrics)(lambda address: None)
    for _ in range(2):
        send(address)
    MetricsExporter(metrics).record_api_request(address, "GET", "ok", 0.1)
    with request_timer(address, metrics=metrics):
        pass
    send(TEMPLATES[address])
    assert {TEMPLATES[address]: 5} == endpoints(metrics)


class URL:
    """The address object of an HTTP client."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def test_long_addresses_and_address_objects_are_read_too(metrics: TradingMetrics) -> None:
    """A key at the end of a long address, or in a client's own object, would be on /metrics."""
    send = track_request(endpoint=arg("address"), method="GET", metrics=metrics)(lambda address: None)
    send("https://api.example.com/v2/orders/" + "1" * 100 + "?apiKey=" + "K" * 5_000)
    send(URL("https://api.example.com/v2/orders/1004?apiKey=K3Y"))
    for parse in (urlparse, urlsplit):
        for _ in range(3):
            send(parse("https://trader:pw@api.example.com/v2/orders/1004?apiKey=K3Y"))
    assert {"/v2/orders/{id}": 8} == endpoints(metrics)


@pytest.mark.parametrize(
    "template",
    [
        "/v2/positions/{symbol}",
        ["/v2/clock/{zone}", "/v2/positions/{symbol}"],
        lambda address: "/v2/positions/{symbol}" if "positions" in address else address,
    ],
)
def test_a_template_of_ones_own_wins(metrics: TradingMetrics, template: Any) -> None:
    """Symbols in paths would fill the budget, and no one could fold them."""

    @track_request(endpoint=arg("address"), method="GET", endpoint_template=template, metrics=metrics)
    def send(address: object) -> None:
        pass

    for symbol in ("AAPL", "MSFT", "SPY"):
        send(f"https://api.example.com/v2/positions/{symbol}?token=T0P")
    send("/v2/orders/7")
    assert {"/v2/positions/{symbol}": 3, "/v2/orders/{id}": 1} == endpoints(metrics)


def test_a_template_function_that_raises_is_counted(metrics: TradingMetrics) -> None:
    """A mistake in it would reach the trading code."""

    @track_request(endpoint="/x/7", method="GET", endpoint_template=lambda address: 1 / 0, metrics=metrics)
    def send() -> SimpleNamespace:
        return SimpleNamespace(status_code=200)

    send()
    assert {"/x/{id}": 1} == endpoints(metrics)
    assert {("send", "source"): 1} == errors(metrics)
    assert 1 == recorded(metrics)["trading_api_requests_total /x/{id} GET 200"]


@pytest.mark.parametrize("template", ["", "/v2/positions", 5, ["/x", "/v2/{symbol}"], [3]])
def test_a_template_that_cannot_match_is_refused_when_decorating(template: Any) -> None:
    """A mistake there would show when the budget is full."""
    with pytest.raises(ConfigurationError, match="endpoint_template"):
        track_request(endpoint="/x", endpoint_template=template)


def test_ids_share_their_template_when_the_budget_is_full() -> None:
    """Once the budget is full, each new id would go to `__other__` although its template has a place."""
    metrics = TradingMetrics(limits={"endpoint": 2})
    send = track_request(endpoint=arg("address"), method="GET", metrics=metrics)(lambda address: None)
    for address in ("/orders/1", "/clock", "/account", "/positions"):
        send(address)
    for number in range(2, 202):
        send(f"/orders/{number}?token=T0P")
        send(f"/late/{number}")
    assert {"/orders/{id}": 201, "/clock": 1, "__other__": 202} == endpoints(metrics)
