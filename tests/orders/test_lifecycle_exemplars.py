"""Exemplars of a tracker's samples: the call that reported an event, beside the samples of that event."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.lifecycle_kit import Desk
from tradmetrics import LabelSourceError, arg, catalogue

ACK, FILL, SUBMITTED, FILLED = (
    each.name
    for each in (
        catalogue.ORDER_ACK_TIME,
        catalogue.ORDER_FILL_TIME,
        catalogue.ORDERS_SUBMITTED,
        catalogue.ORDERS_FILLED,
    )
)


def exemplars(desk: Desk) -> dict[str, list[str]]:
    """The order ids in exemplars, by the metric's name."""
    found: dict[str, list[str]] = {}
    for family in desk.metrics.registry.collect():
        for each in family.samples:
            if each.exemplar is not None:
                found.setdefault(each.name.removesuffix("_bucket"), []).append(each.exemplar.labels["order_id"])
    return found


def order(number: int, status: str = "accepted") -> Any:
    """An order, or an event of it."""
    return SimpleNamespace(
        id=f"O-{number}", side="BUY", order_type="LIMIT", quantity=1.0, status=status, filled=float(status == "filled")
    )


def test_a_slow_fill_in_a_callback_leads_to_its_order() -> None:
    """The samples that matter most, the times across callbacks, would be the only ones without a link."""
    desk = Desk()

    @desk.orders.submit(exemplar=arg("order.id"))
    def place(order: Any) -> None: ...

    @desk.orders.update(exemplar=arg("order.id"))
    def on_event(order: Any) -> None: ...

    place(order(1))
    desk.clock.now += 0.5
    on_event(order(1))
    desk.clock.now += 0.5
    on_event(order(1, "filled"))
    found = exemplars(desk)
    assert {ACK, FILL, SUBMITTED, FILLED} <= found.keys()
    assert {"O-1"} == {each for ids in found.values() for each in ids}
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, 0.5) == desk.times("ack")
    assert (1, 1.0) == desk.times("fill")


def test_samples_of_other_orders_do_not_get_the_exemplar_of_this_call() -> None:
    """An order that expired would be shown under the id of the order that came next."""
    desk = Desk(expire_after=10.0)

    @desk.orders.update(exemplar=arg("order.id"))
    def on_event(order: Any) -> None: ...

    for number in (1, 2):
        desk.orders.submitted(f"O-{number}", side="BUY", order_type="LIMIT", quantity=1.0)
        desk.clock.now += 6.0
    on_event(order(2))
    assert {"evicted": 1.0} == desk.anomalies()
    assert {ACK: ["O-2"]} == exemplars(desk)


def test_calls_with_and_without_an_exemplar_record_the_same() -> None:
    """Asking for a link would change the numbers."""
    plain, pointed = Desk(), Desk()
    for desk, options in ((plain, {}), (pointed, {"exemplar": arg("order.id")})):
        place = desk.orders.submit(**options)(lambda order: {"status": "accepted"})
        on_event = desk.orders.update(**options)(lambda order: None)
        for number in range(20):
            place(order(number))
            desk.clock.now += 0.25
            on_event(order(number, ("partially_filled", "filled", "rejected", "cancelled")[number % 4]))
    assert plain.ends() == pointed.ends()
    assert plain.anomalies() == pointed.anomalies()
    assert [plain.times(each) for each in ("ack", "fill")] == [pointed.times(each) for each in ("ack", "fill")]
    assert {} == exemplars(plain)


def test_a_message_with_several_orders_has_the_exemplar_of_its_call() -> None:
    """Streams that send lists would have none."""
    desk = Desk()
    desk.orders.submitted("1", side="BUY", order_type="LIMIT", quantity=1.0)

    @desk.orders.update(each=arg("message.data"), exemplar={"order_id": arg("message.sequence")})
    def on_message(message: Any) -> None: ...

    on_message({"sequence": 7, "data": [{"order_id": "1", "status": "filled"}]})
    assert ["7"] == exemplars(desk)[FILLED]


@pytest.mark.parametrize("decorator", ["submit", "update"])
def test_a_wrong_exemplar_fails_when_decorating(decorator: str) -> None:
    """A typo would show weeks later, as a chart without links."""
    with pytest.raises(LabelSourceError, match=r"did you mean exemplar=arg\('order.id'\)\?"):
        getattr(Desk().orders, decorator)(exemplar=arg("ordr.id"))(lambda order: None)
