"""Every plan of the library is run through its own cases, and every wrong declaration is refused with its line."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.model import Place, StepDone, StepOpened, StepOverdue
from brain.plans.course import Work, advance, complete, left_ms, outage_ms
from brain.plans.declared import FACTS, Condition, Plan
from brain.plans.grading import confirmed_by, level_of, match
from brain.plans.life import MOVES, move
from brain.plans.reading import folders, library, read_plan
from brain.state import Fact, Incident, IncidentStage, StepStage, StepState
from datahub.contract.codes import Certainty
from datahub.contract.declared import read
from datahub.contract.errors import DeclarationError, IllegalMove


class Situation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    confirmed: bool
    facts: dict[str, float]
    over: tuple[str, ...]
    level: int
    opens: tuple[str, ...]
    skips: tuple[str, ...]


class Cases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[Situation, ...]


PLANS = {plan.name: plan for plan in library()}
CASES = [
    pytest.param(folder.name, case, id=f"{folder.name}: {case.name}")
    for folder in folders()
    for case in read((folder / "cases.toml").read_text("utf-8"), Cases, file=str(folder)).case
]
BURST = PLANS["water_main_burst"]
(FOLDER,) = (folder for folder in folders() if folder.name == "water_main_burst")
TEXT = (FOLDER / "plan.toml").read_text("utf-8")


def incident(plan: Plan, *, confirmed: bool = True, facts: dict[str, Fact] | None = None) -> Incident:
    stage = IncidentStage.CONFIRMED if confirmed else IncidentStage.RAISED
    held = Incident("e", plan.plan.event, Place(0, 0), Certainty.LIKELY, raised=0, stage=stage, facts=dict(facts or {}))
    held.level = level_of(plan, held.facts)[0]
    return held


def settle(plan: Plan, it: Incident) -> tuple[list[str], list[str]]:
    """Steps that open and steps that are skipped, until nothing follows; open steps stay at work."""
    opened, skipped = [], []
    for _ in range(len(plan.step) + 1):
        work = Work(busy=frozenset(opened), begun=frozenset(opened))
        for message in advance(plan, it, work=work, t=0):
            if isinstance(message, StepOpened):
                opened.append(message.step)
                it.steps[message.step] = StepState(StepStage.OPEN, deadline=message.deadline)
            elif isinstance(message, StepDone):
                assert message.outcome == "skipped"
                skipped.append(message.step)
                it.steps[message.step] = StepState(StepStage.SKIPPED)
    return opened, skipped


@pytest.mark.parametrize(("plan", "case"), CASES)
def test_a_plan_does_what_its_cases_say(plan: str, case: Situation) -> None:
    facts: dict[str, Fact] = dict(case.facts)
    it = incident(PLANS[plan], confirmed=case.confirmed, facts=facts)
    it.steps = {step: StepState(StepStage.DONE) for step in case.over}
    assert it.level == case.level
    # What opens must not end at once: facts that would end it are for later.
    opened, skipped = settle(PLANS[plan], it)
    assert (sorted(opened), sorted(skipped)) == (sorted(case.opens), sorted(case.skips))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_number_of_a_plan_has_a_source_and_a_date(plan: Plan) -> None:
    for step in plan.step:
        for amount in (step.deadline_s, *([step.expected_s] if step.expected_s else []), *step.amounts.values()):
            assert amount.source
            assert amount.date
    assert all(criterion.source and criterion.date for criterion in plan.level)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_can_be_closed_and_not_before_its_conditions_hold(plan: Plan) -> None:
    it = incident(plan)
    it.steps = {step.id: StepState(StepStage.DONE) for step in plan.step}
    assert not complete(plan, it)
    it.facts = {condition.fact: condition.equals or condition.at_least or 1.0 for condition in plan.plan.close_when}
    assert complete(plan, it)
    it.steps[plan.step[-1].id] = StepState(StepStage.OPEN)
    assert not complete(plan, it)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FACTS)), st.floats(0, 1e6), max_size=len(FACTS)))
def test_more_people_without_water_never_make_it_less_grave(facts: dict[str, float]) -> None:
    given_facts: dict[str, Fact] = dict(facts)
    worse = given_facts | {"people_without_water": float(facts.get("people_without_water", 0)) * 2 + 1}
    assert level_of(BURST, worse)[0] <= level_of(BURST, given_facts)[0]


def test_of_two_plans_the_gravest_is_taken_and_ties_go_by_name() -> None:
    def named(name: str, default: int) -> Plan:
        head = msgspec.structs.replace(BURST.plan, name=name, default_level=default)
        return msgspec.structs.replace(BURST, plan=head)

    assert match([named("a", 4), named("b", 2)], "water_main_burst", {}) == named("b", 2)
    assert match([named("b", 3), named("a", 3)], "water_main_burst", {}) == named("a", 3)
    assert match([BURST], "flood", {}) is None


def test_a_draft_answers_no_event() -> None:
    draft = msgspec.structs.replace(BURST, plan=msgspec.structs.replace(BURST.plan, name="a", draft=True))
    assert match([draft], "water_main_burst", {}) is None
    assert match([draft, BURST], "water_main_burst", {}) == BURST


def test_a_plan_without_criteria_runs_at_its_default_level() -> None:
    head, _, levels = TEXT.partition("[[level]]")
    text = head + levels[levels.index("[[step]]") :]
    assert level_of(read_plan(text, file="plan.toml"), {"people_without_water": 1e6})[0] == BURST.plan.default_level


def test_a_fact_that_nobody_knows_meets_no_condition() -> None:
    assert not Condition("burst_seen", equals=0).holds({})
    assert not Condition("pipe", at_least=0).holds({"pipe": "text"})
    assert confirmed_by(BURST, {"plausible": 1}) == ()
    assert confirmed_by(BURST, {"burst_seen": 1}) == ("burst_seen = 1",)


def test_a_step_that_is_late_is_urged_once() -> None:
    it = incident(BURST, confirmed=False)
    deadlines = {"confirm_call": 100, "patrol": 9_000}
    it.steps = {step: StepState(StepStage.OPEN, deadline=at) for step, at in deadlines.items()}
    work = Work(busy={"confirm_call", "patrol"}, begun={"confirm_call", "patrol"})
    assert advance(BURST, it, work=work, t=99) == []
    assert advance(BURST, it, work=work, t=100) == [StepOverdue(t=100, event="e", step="confirm_call", deadline=100)]
    it.steps["confirm_call"].overdue = True
    assert advance(BURST, it, work=work, t=200) == []


def test_lorries_are_enough_once_water_is_back_whatever_they_still_carry() -> None:
    it = incident(BURST, facts={"people_without_water": 9_000})
    it.steps["tankers"] = StepState(StepStage.OPEN, deadline=10**12)
    work = Work(busy={"tankers"}, begun={"tankers"})

    def over() -> list[str]:
        return [
            m.outcome for m in advance(BURST, it, work=work, t=0) if isinstance(m, StepDone) and m.step == "tankers"
        ]

    assert over() == []
    it.facts |= {"pressure_normal": 1.0}
    assert over() == [], "not before it may be drunk"
    it.facts |= {"water_quality_good": 1.0}
    assert over() == ["done"]


def test_a_skipped_step_opens_when_its_facts_come_to_hold_unless_what_follows_has_begun() -> None:
    it = incident(BURST, facts={"burst_seen": 1, "road_blocked": 0})
    it.steps = {step.id: StepState(StepStage.SKIPPED) for step in BURST.step if step.id != "open_road"}
    it.facts["road_blocked"] = 1
    assert "close_road" in [m.step for m in advance(BURST, it, work=Work(), t=0) if isinstance(m, StepOpened)]
    it.steps["open_road"] = StepState(StepStage.DONE)
    assert "close_road" not in [m.step for m in advance(BURST, it, work=Work(), t=0) if isinstance(m, StepOpened)]


@pytest.mark.parametrize(
    ("old", "new", "rule", "remedy"),
    [
        ('duty = "patrol_main"', 'dutty = "patrol_main"', "unknown field", "correct this key"),
        ('action = "search"', 'action = "serach"', "invalid enum value", "correct this key"),
        ('after = ["stilled"]', 'after = ["stiled"]', "does not stand before it", "did you mean 'stilled'?"),
        ('fact = "road_blocked", equals', 'fact = "road_bloked", equals', "no fact", "did you mean 'road_blocked'?"),
        ('amounts.sight_m = { value = 150, unit = "m"', 'amounts.sight_m = { value = 150, unit = "km"', "'km'", "'m'"),
        (
            "expected_s = { value = 28800,",
            "expected_s = { value = 288000,",
            "past its deadline of 108000 s",
            "expect less",
        ),
        ('expected_s = { value = 600, unit = "s"', 'expected_s = { value = 600, unit = "min"', "'min'", "in 's'"),
        ('id = "patrol"', 'id = "confirm_call"', "stands twice", "id of its own"),
        ('back_with = "pressure_back"', 'back_with = "presure_back"', "no step", "correct this key"),
        ("level = 3\n", "level = 5\n", "level 5", "1 (gravest) to 4"),
        ("default_level = 4", "default_level = ", "not TOML", "correct this line"),
    ],
)
def test_a_wrong_declaration_is_refused_with_line_rule_and_remedy(old: str, new: str, rule: str, remedy: str) -> None:
    assert TEXT.count(old) >= 1
    text = TEXT.replace(old, new, 1)
    with pytest.raises(DeclarationError) as refused:
        read_plan(text, file="plan.toml")
    assert rule in refused.value.rule
    assert remedy in refused.value.remedy
    changed = next(n for n, (a, b) in enumerate(zip(TEXT.split("\n"), text.split("\n"), strict=True), 1) if a != b)
    assert refused.value.line is not None
    assert abs(refused.value.line - changed) <= (0 if "stands twice" not in rule else 10)


def test_a_plan_that_warns_says_with_which_step_it_is_over() -> None:
    with pytest.raises(DeclarationError, match="the plan warns, but 'back_with' names no step"):
        read_plan(TEXT.replace('back_with = "pressure_back"\n', ""), file="plan.toml")


def test_residents_are_promised_the_longest_way_through_the_plan_until_the_pressure_is_back() -> None:
    it = incident(BURST, facts={"burst_seen": 1})
    it.steps = {name: StepState(StepStage.DONE) for name in ("confirm_call", "patrol")}
    # by hand 3 600, stilled 600, repair 28 800, flush 7 200, disinfect 10 800, test 72 000, open by hand 3 600,
    # in its band 1 800
    assert left_ms(BURST, it, "pressure_back", t=5_000) == outage_ms(BURST, it, t=5_000) == 128_400_000
    it.steps["close_manual"] = StepState(StepStage.OPEN, opened=0, deadline=7_200_000)
    assert left_ms(BURST, it, "pressure_back", t=600_000) == 3_000_000 + 124_800_000
    for name in ("close_motorised", "close_manual", "stilled", "repair", "flush", "disinfect"):
        it.steps[name] = StepState(StepStage.DONE)
    it.steps["water_quality_test"] = StepState(StepStage.OPEN, opened=900_000)
    assert left_ms(BURST, it, "pressure_back", t=1_000_000) == 72_000_000 - 100_000 + 5_400_000
    assert left_ms(BURST, it, "pressure_back", t=90_000_000) == 5_400_000, "one that is late is over any moment"
    it.steps |= {step.id: StepState(StepStage.SKIPPED) for step in BURST.step}
    assert left_ms(BURST, it, "pressure_back", t=1_000_000) == 0


def test_a_step_that_the_level_does_not_ask_for_takes_no_time() -> None:
    it = incident(BURST)
    it.level = 4
    assert left_ms(BURST, it, "clear_signals", t=0) == 2_700_000
    it.level = 3
    assert left_ms(BURST, it, "clear_signals", t=0) == 3_000_000


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(StepStage)), max_size=12))
def test_no_walk_of_a_step_leaves_the_table_of_moves(walk: list[StepStage]) -> None:
    it = incident(BURST)
    rounds = 1
    for stage in walk:
        before = it.steps.get("flush", StepState()).stage
        if stage in MOVES[before]:
            rounds += stage is StepStage.WAITING
            state = move(it, "flush", stage)
            assert (state.stage, state.round) == (stage, rounds)
        else:
            with pytest.raises(IllegalMove, match=f"step flush of e is '{before}' and cannot go to '{stage}'"):
                move(it, "flush", stage)
            assert it.steps["flush"].stage is before


def with_amount(name: str, unit: str) -> str:
    """The plan with one number more, below that of how far a patrol sees."""
    line = next(line for line in TEXT.splitlines() if line.startswith("amounts.sight_m = "))
    more = line.replace("sight_m", name).replace('unit = "m"', f'unit = "{unit}"')
    return TEXT.replace(line, f"{line}\n{more}")


@pytest.mark.parametrize(("name", "unit"), [("inflow_m3_s", "m3/s"), ("speed_m_s", "m/s"), ("hold_s", "s")])
def test_an_amount_is_in_the_unit_of_its_longest_ending(name: str, unit: str) -> None:
    plan = read_plan(with_amount(name, unit), file="plan.toml")
    assert plan.find("patrol").amounts[name].unit == unit


@pytest.mark.parametrize(
    ("name", "unit", "remedy"),
    [
        ("inflow_m3_s", "s", "write it in 'm3/s', as its name promises"),
        ("inflow", "m3/s", "end its name in a unit, such as _s"),
    ],
)
def test_an_amount_whose_name_promises_something_else_is_refused(name: str, unit: str, remedy: str) -> None:
    text = with_amount(name, unit)
    with pytest.raises(DeclarationError) as refused:
        read_plan(text, file="plan.toml")
    assert refused.value.remedy == remedy
    assert text.splitlines()[(refused.value.line or 0) - 1].startswith(f"amounts.{name} = ")
