"""Work at the telephone and on the stairs: comparing calls, acknowledging, texting, telling residents."""

from __future__ import annotations

from math import ceil

from datahub.connector import WorkOrder
from scenarios.agents.citizen import Citizens
from scenarios.agents.team import Outcome, Team, Work


def confirm_call(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """The dispatcher compares what citizens say with the place asked about."""
    yield team.take("confirm_call")
    calls = citizens.calls_near(order.lon, order.lat)
    plausible = len(calls) >= team.practice.of("plausible_calls")
    return Outcome({"calls_count": float(len(calls)), "plausible": float(plausible)})


def acknowledge(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """The fire brigade's duty officer enters which hydrants are dry, or back."""
    yield team.take("acknowledge")
    return Outcome({"acknowledged": 1.0})


def send_sms(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """The operators text the people of an area; the text is released, goes out at a rate, and reports come in."""
    people = people_of(order)
    yield team.take("sms_approval")
    yield team.wait_s(people / team.practice.of("sms_per_s"))
    yield team.take("sms_reports")
    delivered = int(team.rng.binomial(people, team.practice.of("sms_delivered")))
    return Outcome({"sent_count": float(people), "delivered_count": float(delivered)})


def notify_residents(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Every community's own staff go from stairwell to stairwell; who is at home or reads the notice knows."""
    people, practice = people_of(order), team.practice
    staff = practice.of("staff_count") * max(1, len(str(order.details.get("communities", "")).split(",")))
    rounds = ceil(people / practice.of("people_per_notice") / staff)
    yield team.wait_s(rounds * practice.of("notice_s"))
    reached = int(team.rng.binomial(people, practice.of("notice_reached")))
    return Outcome({"people_count": float(reached)})


def people_of(order: WorkOrder) -> int:
    """How many people an order concerns (its detail ``people_count``)."""
    said = order.details.get("people_count", 0.0)
    return max(0, round(float(said)))
