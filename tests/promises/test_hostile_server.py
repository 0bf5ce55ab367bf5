"""A server that misbehaves in every way we know: each id ends once, with its own data or a failure that fits."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import defaultdict
from functools import partial
from itertools import pairwise
from textwrap import shorten
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hostile import (
    AMOUNT,
    BEHAVIOURS,
    PATIENCE,
    RIGHT,
    Behaviour,
    HostileServer,
    Request,
    hostile_server,
    mixed,
)

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")

IDS = [f"hostile-{number}" for number in range(5)]
LONGEST = 5_000  # characters of a failure's text
TWO_HOURS = r"7,?(?:199|20[01])|\b2(?:\.0+)? ?h|2:00|1:59|1(?:20|19) ?min"
TOLERANCE = 0.02  # seconds that a wait may be shorter: two clocks are read


@pytest.fixture(autouse=True)
def _no_pauses_between_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the shortest pause: full jitter may be as short as that."""
    monkeypatch.setattr(random, "uniform", lambda shortest, _: shortest)


def client_of(server: HostileServer, **options: Any) -> om.Client:
    options = {"timeout": PATIENCE, "deadline": 10, "requests_per_second": None, **options}
    return om.Client(base_url=server.url, api_key="kco_test_sandbox", **options)


def within(seconds: float, do: Callable[[], T]) -> T:
    """Return a function's result; fail where it takes longer, rather than wait for hours as a server may ask."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(do())
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"the client was not done after {seconds} seconds"
    for error in errors:
        raise error
    return results[0]


def order_outcomes(orders: om.Orders, ids: Iterable[str]) -> dict[str, str]:
    """Name the outcome of each id: `right`, `wrong`, or the kind of its failure."""
    ended = [order.order_id or "" for order in orders] + [failure.order_id for failure in orders.failures]
    assert sorted(ended) == sorted(ids), "an id is missing or repeated"
    outcomes = {failure.order_id: failure.kind for failure in orders.failures}
    for order in orders:
        is_right = (order.merchant_reference1, order.order_amount) == (order.order_id, AMOUNT)
        outcomes[order.order_id or ""] = (
            "right" if is_right and are_captures_of(order.order_id, order.captures) else "wrong"
        )
    return outcomes


def capture_outcomes(captures: om.Captures, ids: Iterable[str]) -> dict[str, str]:
    failed = {failure.order_id: failure.kind for failure in captures.failures}
    assert len(failed) == len(captures.failures), "an id failed twice"
    found: dict[str, list[Any]] = {}
    for capture in captures:
        found.setdefault(capture.order_id or "", []).append(capture)
    assert not found.keys() & failed.keys(), "an id succeeded and failed"
    assert not (found.keys() | failed.keys()) - set(ids), "an id was not asked for"
    return {one: failed.get(one) or ("right" if are_captures_of(one, found.get(one, [])) else "wrong") for one in ids}


def are_captures_of(order_id: str | None, captures: Sequence[Any]) -> bool:
    found = [(capture.capture_id, capture.reference, capture.captured_amount) for capture in captures]
    return found == [(f"{order_id}/{position}", order_id, AMOUNT) for position in range(2)]


ENDPOINTS = {"orders": order_outcomes, "captures": capture_outcomes}


def faults_of_text(failure: om.Failure) -> Iterator[str]:
    """Yield what must not be in the text of a failure, whatever the server sent."""
    shown = str(failure)
    if (longest := max(len(shown), len(repr(failure)))) > LONGEST:
        yield f"a text of {longest:,} characters"
    if found := re.search(r"[\0-\x1f\x7f-\x9f\u2028\u2029]", shown):
        yield f"a control character, {found[0]!r}"
    if "@" in shown:
        yield "an e-mail address"
    if re.search("[\ud800-\udfff]", shown):
        yield "a lone surrogate"


def faults_of_content(failure: om.Failure, behaviour: Behaviour) -> Iterator[str]:
    """Yield what the failure should say and does not."""
    if behaviour.messages not in (None, failure.messages):
        yield f"messages {shorten(str(failure.messages), 60)}, not {behaviour.messages}"
    wanted = TWO_HOURS if behaviour.says == "two hours" else re.escape(behaviour.says or "")
    if not re.search(wanted, str(failure)):
        yield f"no {behaviour.says!r} in {shorten(str(failure), 200)}"


def faults_of_waiting(requests: Sequence[Request]) -> Iterator[str]:
    """Yield the requests of one worker that came before the moment which the server had named.

    Waits that are too long to be respected concern the same path only.
    """
    for request, following in pairwise(requests):
        early = (request.wait_until or 0) - following.at
        if early > TOLERANCE and (early < 60 or following.path == request.path):
            yield f"{following.path} was asked for {early:.2f} s too early"


def faults_of_connections(server: HostileServer) -> Iterator[str]:
    if server.asked_elsewhere:
        yield f"{server.asked_elsewhere} connections to another host"
    if server.reused:
        yield f"requests on connections that were spoilt by {sorted(set(server.reused))}"


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=lambda behaviour: behaviour.name)
def test_each_behaviour_on_a_kept_connection(behaviour: Behaviour) -> None:
    hostile = {IDS[1]} if behaviour.slow or behaviour.idle else {IDS[1], IDS[3]}

    def choose(path: str, attempt: int) -> Behaviour | None:
        is_hostile = path.split("/")[4] in hostile and (attempt == 1 or behaviour.persists)
        return behaviour if is_hostile else None

    faults: list[str] = []
    with hostile_server(choose) as server, client_of(server, workers=1, max_retries=3) as client:
        for endpoint in ["captures"] if behaviour.slow else ENDPOINTS:
            for ids in (IDS[:2], IDS[2:]):
                batch = within(8, partial(getattr(client, endpoint), ids))
                for order_id, outcome in ENDPOINTS[endpoint](batch, ids).items():
                    legal = behaviour.legal if order_id in hostile else behaviour.bystanders
                    if not legal.allows(outcome):
                        faults.append(f"{endpoint} of {order_id}: {outcome}, not {legal}")
                for failure in batch.failures:
                    faults += faults_of_text(failure)
                    faults += faults_of_content(failure, behaviour) if failure.order_id in hostile else ()
                time.sleep(0.015 if behaviour.idle else 0)
    faults += [*faults_of_waiting(server.requests), *faults_of_connections(server)]
    assert not faults, "\n".join(faults)


def test_there_are_at_least_sixty_behaviours_with_interim_responses_among_them() -> None:
    assert len(BEHAVIOURS) >= 60
    assert sum(name.startswith("interim") for name in BEHAVIOURS) >= 10


@pytest.mark.slow
def test_five_thousand_orders_and_their_captures_through_all_behaviours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="urllib3")  # tens of thousands of lines would hide the faults
    ids = [f"hostile-{number:05}" for number in range(5_000)]
    started = time.monotonic()
    with hostile_server(mixed(share=0.3)) as server, client_of(server, workers=16, deadline=30) as client:
        orders = within(120, lambda: client.orders(ids))
        captures = within(120, lambda: client.captures(ids))
    seconds = time.monotonic() - started
    treated: defaultdict[str, list[str]] = defaultdict(list)
    for request in server.requests:
        treated[request.path].append(request.behaviour or "honest")
    faults = [fault for failure in (*orders.failures, *captures.failures) for fault in faults_of_text(failure)]
    for below, outcomes in (("", order_outcomes(orders, ids)), ("/captures", capture_outcomes(captures, ids))):
        for order_id, outcome in outcomes.items():
            came = treated[f"/ordermanagement/v1/orders/{order_id}{below}"]
            behaviour = BEHAVIOURS.get(came[-1]) if came else None
            if not came or not (behaviour.legal if behaviour else RIGHT).allows(outcome):
                faults.append(f"{order_id}{below}: {outcome} after {', '.join(came) or 'no request'}")
    faults += faults_of_connections(server)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:50])
    seen = {request.behaviour for request in server.requests}
    assert seen >= {behaviour.name for behaviour in BEHAVIOURS.values() if behaviour.weight == 1}
    assert seconds < 60
