"""What nobody can do is refused before anything runs: with the line, the rule and the remedy."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from shutil import copytree

import pytest

from brain.cases.kinds import case_types
from brain.plans.reading import folders, library, read_plan
from datahub.contract.city import City
from datahub.contract.errors import DeclarationError
from scenarios.agents.duties import DUTIES
from scenarios.gazetteer import city_names
from scenarios.obligations import check_case_types, check_departments, check_plan
from scenarios.survey.city import load_city

CITIES = Path(str(files("scenarios") / "cities"))
(PLAN,) = ((it / "plan.toml").read_text("utf-8") for it in folders() if it.name == "water_main_burst")
TYPES = (files("brain") / "cases" / "types.toml").read_text("utf-8")


@cache
def city(name: str) -> City:
    return load_city(name, scale=0.01)


def refused(error: DeclarationError, path: Path, *, by: str) -> str:
    """What was said, held against the file and the line that begins with ``by``."""
    assert error.file == str(path)
    assert error.line is not None
    assert path.read_text("utf-8").splitlines()[error.line - 1].startswith(by)
    return f"{error.rule}; {error.remedy}"


@pytest.mark.parametrize("name", city_names())
def test_what_is_declared_can_be_done(name: str) -> None:
    for folder, plan in zip(folders(), library(), strict=True):
        check_plan(plan, path=folder / "plan.toml", cities=[city(name)])
    check_case_types(case_types(), path=files("brain") / "cases" / "types.toml", cities=[city(name)])
    check_departments(city(name), folder=CITIES / name / "departments", learnt=DUTIES)


@pytest.mark.parametrize(
    ("old", "new", "by", "words"),
    [
        (
            'event = "water_main_burst"',
            'event = "water_main_brust"',
            "event",
            "there is no type of event 'water_main_brust'; did you mean 'water_main_burst'?",
        ),
        (
            'duty = "patrol_main"',
            'duty = "patrol_mains"',
            "duty",
            "no duty 'patrol_mains'; did you mean 'patrol_main'?",
        ),
        (
            'department = "traffic_police"',
            'department = "traffic_polices"',
            "department",
            "step 'close_road' asks for department 'traffic_polices', which harbour does not have; choose one of ",
        ),
        (
            'duty = "patrol_main"',
            'duty = "close_road"',
            "duty",
            "step 'patrol' asks 'water_company' for 'close_road', which is no duty of it in harbour; "
            "ask traffic_police, or add it to the department's duties",
        ),
        (
            'department = "telecom_sms"\nduty = "send_sms"',
            'department = "water_company"\nduty = "repair_main"',
            "duty",
            "step 'warn_sms' tells people by 'repair_main', which has no channel; "
            "choose one of: notify_residents, send_sms, or declare its channel",
        ),
    ],
)
def test_a_plan_that_nobody_can_carry_out_is_refused(tmp_path: Path, old: str, new: str, by: str, words: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace(old, new, 1), encoding="utf-8")
    plan = read_plan(path.read_text("utf-8"), file="plan.toml")
    with pytest.raises(DeclarationError) as caught:
        check_plan(plan, path=path, cities=[city("harbour")])
    assert words in refused(caught.value, path, by=f"{by} = {new.rsplit(' = ', 1)[1]}")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'handle = "repair_lamp"',
            'handle = "repair_lamps"',
            "there is no duty 'repair_lamps'; did you mean 'repair_lamp'?",
        ),
        (
            'handle = "repair_lamp"',
            'handle = "repair_main"',
            "case type 'lamp_dark' asks 'lighting' for 'repair_main', which is no duty of it in harbour; "
            "ask water_company, or add it",
        ),
        (
            'department = "lighting"',
            'department = "lights"',
            "case type 'lamp_dark' asks for department 'lights', which harbour does not have; choose one of ",
        ),
        (
            'verify = "verify_case"',
            'verify = "verify"',
            "there is no duty 'verify'; ",
        ),
        (
            'verifier = "supervision_centre"',
            'verifier = "supervisors"',
            "case type 'lamp_dark' asks for department 'supervisors', which harbour does not have; ",
        ),
    ],
)
def test_a_type_of_case_that_nobody_can_solve_or_verify_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = tmp_path / "types.toml"
    path.write_text(TYPES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        check_case_types(case_types(path.read_text("utf-8")), path=path, cities=[city("harbour")])
    assert words in refused(caught.value, path, by=new)


def test_a_city_without_a_duty_that_a_case_needs_is_refused_though_another_has_it(tmp_path: Path) -> None:
    there = altered(tmp_path, "lighting", ', "inspect_feeder"', "")
    path = tmp_path / "types.toml"
    path.write_text(TYPES, encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        check_case_types(case_types(), path=path, cities=[city("zhuhai"), there])
    said = refused(caught.value, path, by='handle = "inspect_feeder"')
    assert said.endswith("which is no duty of it in harbour; add it to its duties")


@pytest.mark.parametrize(
    ("department", "old", "new", "words"),
    [
        (
            "lighting",
            'duties = ["repair_lamp"',
            'duties = ["repair_lamp", "paint_pole"',
            "there is no duty 'paint_pole'; choose one of: confirm_call",
        ),
        (
            "traffic_police",
            'duties = ["close_road"',
            'duties = ["close_road", "repair_main"',
            "no crew of 'traffic_police' can do 'repair_main', and it is not done from the desk; give a crew the skill",
        ),
    ],
)
def test_a_department_that_cannot_do_its_duty_is_refused(
    tmp_path: Path, department: str, old: str, new: str, words: str
) -> None:
    there = altered(tmp_path, department, old, new)
    folder = tmp_path / "harbour" / "departments"
    with pytest.raises(DeclarationError) as caught:
        check_departments(there, folder=folder, learnt=DUTIES)
    assert words in refused(caught.value, folder / f"{department}.toml", by="duties = ")


def test_a_duty_of_the_desk_needs_no_crew(tmp_path: Path) -> None:
    there = altered(tmp_path, "traffic_police", 'duties = ["close_road"', 'duties = ["close_road", "confirm_call"')
    check_departments(there, folder=tmp_path / "harbour" / "departments", learnt=DUTIES)


def test_a_duty_that_nobody_in_the_field_has_learnt_is_refused() -> None:
    folder = CITIES / "harbour" / "departments"
    with pytest.raises(DeclarationError) as caught:
        check_departments(city("harbour"), folder=folder, learnt=set(DUTIES) - {"repair_lamp"})
    said = refused(caught.value, folder / "lighting.toml", by="duties = ")
    assert said == (
        "nobody has learnt to do 'repair_lamp'; "
        "write its work in scenarios/agents/ and name it in scenarios/agents/duties.py"
    )


def altered(tmp_path: Path, department: str, old: str, new: str) -> City:
    """The harbour city with something else in the file of a department."""
    folder = tmp_path / "harbour"
    copytree(CITIES / "harbour", folder)
    file = folder / "departments" / f"{department}.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return load_city("harbour", scale=0.01, folder=folder)
