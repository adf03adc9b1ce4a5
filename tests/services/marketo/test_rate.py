"""How fast finding and erasing go: close to what the operator allows, and never above it. The clock is not real."""

from __future__ import annotations

from datetime import timedelta

from tests.services.marketo.double import Instance
from upheld.services.contract.people import Planted
from upheld.services.contract.suite import erase
from upheld.services.marketo.fake.limits import WINDOW

PEOPLE, LIMIT = 40, 100


def somebody(number: int) -> Planted:
    return Planted(f"p{number}", f"Person {number}", f"person{number}@example.com", f"+8130000{number:04d}")


def test_finding_and_erasing_use_four_fifths_of_the_rate_and_never_more_than_all(instance: Instance) -> None:
    """Calls per 20 seconds over a whole sweep: at least 80 of the 100 allowed, and no call refused by any limit."""
    for number in range(PEOPLE):
        instance.plant(somebody(number))
    service, began = instance.service(), instance.now
    for number in range(PEOPLE):
        erase(service, somebody(number))
    assert not instance.fake.people.leads
    used, took = instance.fake.gate.used, instance.now - began
    assert used > 2 * LIMIT, "long enough to fill windows"
    share = used / (took / WINDOW) / LIMIT
    assert not instance.fake.gate.refused
    assert 0.8 <= share <= 1.0, f"{used} calls in {took}: {share:.1%} of the rate"


def test_a_limit_that_others_use_up_is_waited_for(instance: Instance) -> None:
    """The company's own programs leave no room for a while: refused, waited a window, done; nothing is lost or done twice."""
    instance.plant(somebody(1))
    service = instance.service()
    refs = tuple(service.find(somebody(1).who))
    instance.fake.gate.per_window = 0  # their calls fill the window
    advance = instance.advance

    def room_again(by: timedelta) -> None:
        if instance.fake.gate.refused:
            instance.fake.gate.per_window = LIMIT
        advance(by)

    instance.advance = room_again  # type: ignore[method-assign]
    outcomes = erase(service, somebody(1), refs)
    assert instance.fake.gate.refused == ["606"]
    assert {one.word for one in outcomes.values()} == {"done", "pending_window"}
