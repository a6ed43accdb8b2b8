"""The hub's portal in Chromium, on the whole platform of the small town, live."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from conftest import CHROMIUM, ROOT, Heard
from playwright.sync_api import Page, expect

TOKEN = "a-seat-at-the-desk"


@contextmanager
def live(folder: Path, *more: str) -> Iterator[str]:
    """Address of a live platform with the devices of the small town."""
    if CHROMIUM is None:
        pytest.skip("chromium is missing; install it with: apt-get install chromium fonts-noto-cjk")
    words = ["up", "--city", "harbour", "--scenario", "calm_day", "--speed", "300", "--port", "0", *more]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder), "CITYBRAIN_API_TOKEN": TOKEN}
    with subprocess.Popen(
        [sys.executable, "-m", "scenarios", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            found = re.search(r"operations centre: (http\S+)", line)
            if found:
                break
        else:
            pytest.fail("the platform ended: " + "".join(said))
        Thread(target=deque, args=(process.stdout, 0), daemon=True).start()  # what it says must not stop it
        try:
            yield found.group(1)
        finally:
            process.terminate()
            try:
                process.wait(90)
            finally:
                process.kill()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a live platform that vendors' clouds speak to."""
    with live(tmp_path_factory.mktemp("hub"), "--set", "bridges=true") as address:
        yield address


def ask(hub: str, path: str) -> Any:
    with urllib.request.urlopen(f"{hub}/api{path}", timeout=10) as answer:
        return json.load(answer)


def order(hub: str, path: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{hub}/api{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture
def pole(hub: str, page: Page) -> dict[str, Any]:
    """A smart pole that has spoken."""
    page.goto(f"{hub}/hub?lang=en#/devices?kind=smart_pole")
    expect(page.locator(".cb-hub-list tbody tr").first).to_contain_text("Smart pole", timeout=30_000)
    found: dict[str, Any] = ask(hub, "/devices?kind=smart_pole&limit=1")["devices"][0]
    page.wait_for_function(
        "async (at) => Object.keys(await (await fetch(at)).json()).length > 0",
        arg=f"/api/devices/{found['device']}/latest",
    )
    return found


def test_devices_are_listed_by_kind_owner_and_state(hub: str, page: Page, pole: dict[str, Any], heard: Heard) -> None:
    kinds = {one["name"]: one["counts"]["online"] for one in ask(hub, "/kinds")}
    rows = page.locator(".cb-hub-list tbody tr")
    expect(page.locator(".cb-hub-list h2 span")).to_have_text(f"{kinds['smart_pole']} found")
    expect(rows).to_have_count(min(kinds["smart_pole"], 100))
    page.get_by_role("link", name="Harbour Traffic Police").click()
    expect(page.locator(".cb-hub-list")).to_contain_text("No device fits")
    page.get_by_role("link", name="Smart pole ×").click()
    expect(rows).to_have_count(kinds["signal_controller"])
    expect(rows.first).to_contain_text("Traffic-signal controller")
    assert (heard.outside, heard.errors) == ([], [])


def test_a_device_shows_its_readings_its_day_and_whose_it_is(
    hub: str, page: Page, pole: dict[str, Any], heard: Heard
) -> None:
    page.goto(f"{hub}/hub?lang=en#/device/{pole['device']}")
    facts = page.locator(".cb-hub-facts")
    expect(facts).to_contain_text("Harbour Street Lighting")
    (kind,) = [one for one in ask(hub, "/kinds") if one["name"] == "smart_pole"]
    said = {one["name"]: one["en"] for one in kind["observes"]}
    for name in ask(hub, f"/devices/{pole['device']}/latest"):
        expect(facts.get_by_role("link", name=said[name], exact=True)).to_be_visible()
    expect(facts.locator("tr", has_text="Illuminance").locator(".unit")).to_have_text("lx")
    facts.get_by_role("link", name="Illuminance").click()
    expect(page.locator(".cb-hub-series h2 em")).to_have_text("Illuminancelx")
    expect(page.locator(".cb-hub-series h2 span")).to_have_text("last 24 h, made of raw readings")
    expect(page.locator(".cb-series canvas").first).to_be_visible()
    facts.get_by_role("link", name=pole["object"]).click()
    expect(page.locator(".cb-hub-facts h2")).to_contain_text("Pole")
    expect(page.locator(".cb-hub-list tbody tr")).to_contain_text(pole["device"])
    assert (heard.outside, heard.errors) == ([], [])


def test_a_code_is_found_and_a_wrong_one_is_told(hub: str, page: Page, pole: dict[str, Any]) -> None:
    field = page.get_by_role("searchbox")
    field.fill("12a")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("A unified code has 1 to 18 digits")
    field.fill("123456")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("There is no device or object 123456")
    field.fill(pole["object"])
    field.press("Enter")
    expect(page.locator(".cb-hub-facts h2")).to_contain_text(f"Object {pole['object']}")
    page.goto(f"{hub}/hub#/device/42")
    expect(page.locator(".cb-hub-main")).to_have_text("没有编码为 42 的设备或对象")


def test_the_ledger_closes_on_the_page_and_the_limits_are_published(
    hub: str, page: Page, pole: dict[str, Any], heard: Heard
) -> None:
    page.get_by_role("link", name="Ledger").click()
    expect(page.locator(".cb-hub-facts h2 span")).to_have_text("closes")
    expect(page.locator(".cb-hub-facts")).to_contain_text("NB-IoT water meter")
    page.get_by_role("link", name="Quarantine").click()
    expect(page.locator(".cb-hub-main")).to_contain_text("No node is in quarantine")
    for limit in ask(hub, "/limits"):
        expect(page.locator(".cb-hub-facts")).to_contain_text(limit["en"])
    page.get_by_role("link", name="Operations centre").click()
    page.get_by_role("link", name="IoT hub").click()
    expect(page.locator(".cb-hub-list tbody tr").first).to_be_visible()
    assert (heard.outside, heard.errors) == ([], [])


def test_orders_and_jobs_are_told_in_the_words_of_the_seat(
    hub: str, page: Page, pole: dict[str, Any], heard: Heard
) -> None:
    order(
        hub, f"/devices/{pole['device']}/commands", {"name": "dim", "arguments": {"level_ratio": 0.4}, "valid_s": 900}
    )
    told = {"where": {"kind": "smart_pole"}, "by": "lighting"}
    order(hub, "/batches", {"id": "b", "name": "switch", "arguments": {"lamp_on": 1}, "valid_s": 900, **told})
    order(hub, "/jobs", {"id": "j", "version": 2, "stages": [0.5, 1], "wait_s": 120, **told})
    page.goto(f"{hub}/hub#/device/{pole['device']}")
    expect(page.locator(".cb-hub-orders")).to_contain_text("调光：调光设定 0.4")
    expect(page.locator(".cb-hub-life")).to_contain_text("下发指令 调光")
    page.goto(f"{hub}/hub#/jobs")
    jobs, batches = page.locator(".cb-hub-list").all()
    expect(jobs.locator("tbody tr")).to_contain_text(["固件升级 版本 2"])
    expect(batches.locator("tbody tr")).to_contain_text(["开关灯：灯具通电 1"])
    expect(jobs).to_contain_text("海港路灯所")
    page.goto(f"{hub}/hub?lang=en#/jobs")
    expect(page.locator(".cb-hub-list").first).to_contain_text("firmware Version 2")
    expect(page.locator(".cb-hub-list").last).to_contain_text("Switch: Lamp circuit 1")
    assert (heard.outside, heard.errors) == ([], [])


def test_departments_and_kinds_are_told_how_their_devices_are(
    hub: str, page: Page, pole: dict[str, Any], heard: Heard
) -> None:
    page.get_by_role("link", name="Health").click()
    for kind in ask(hub, "/health/kinds"):
        (name,) = [one["en"] for one in ask(hub, "/kinds") if one["name"] == kind["name"]]
        expect(page.locator(".cb-hub-facts tr", has_text=name).first).to_contain_text(str(kind["devices"]))
    total = ask(hub, "/health/devices?limit=1")["total"]
    expect(page.locator(".cb-hub-list h2 span")).to_have_text(f"{total} found")
    expect(page.locator(".cb-hub-list tbody tr")).to_have_count(min(total, 100))
    assert (heard.outside, heard.errors) == ([], [])


def test_vendors_clouds_are_shown_with_what_they_told(hub: str, page: Page, pole: dict[str, Any], heard: Heard) -> None:
    page.get_by_role("link", name="Bridges").click()
    rows = page.locator(".cb-hub-list tbody tr")
    bridges = ask(hub, "/bridges")
    assert [one["vendor"] for one in bridges] == ["lampcloud", "metercloud"]
    expect(rows).to_have_count(len(bridges))
    for one, row in zip(bridges, rows.all(), strict=True):
        expect(row).to_contain_text(one["vendor"])
        expect(row).to_contain_text(one["way"])
        expect(row).to_contain_text(one["node"])
    assert (heard.outside, heard.errors) == ([], [])


def test_where_no_cloud_speaks_for_devices_nothing_is_said_of_bridges(tmp_path: Path, page: Page, heard: Heard) -> None:
    with live(tmp_path) as hub:
        page.goto(f"{hub}/hub?lang=en#/devices")
        page.wait_for_function("() => performance.getEntriesByName(location.origin + '/api/bridges').length > 0")
        tabs = page.locator(".cb-tabs a")
        page.goto(f"{hub}/hub?lang=en#/bridges")
        expect(page.locator(".cb-hub-main")).to_contain_text("There is no bridge")
        expect(tabs).to_have_text(["Devices", "Health", "Jobs", "Alarms", "Ledger", "Quarantine"])
    assert (heard.outside, heard.errors) == ([], [])


PLACES = ("devices", "health", "jobs", "bridges", "alarms", "ledger", "quarantine")
VENDORS = r"lampcloud|metercloud|NB-IoT|PM2\.5"
"""What has no Chinese name. What a device, a cloud or the hub said of one case (``said``) is shown as it was said."""


def test_nothing_is_left_in_english_on_the_chinese_page(hub: str, page: Page, pole: dict[str, Any]) -> None:
    for place in (*PLACES, f"device/{pole['device']}", f"object/{pole['object']}"):
        page.goto(f"{hub}/hub#/{place}")
        expect(page.locator(".cb-hub-main section").first).to_be_visible()
        expect(page.locator(".cb-hub-main tbody tr, .cb-hub-main .cb-empty").first).to_be_visible()
        words = page.locator(".cb-hub-main :is(h2, h3, th, dt, td:not(.n, .said, :has(.said)))").all_inner_texts()
        assert words
        for word in words:
            assert not re.search(r"[A-Za-z]{3,}", re.sub(VENDORS + r"|api-\w+", "", word)), (place, word)
