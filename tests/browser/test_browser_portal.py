"""The hub's portal in Chromium, on the whole platform of the small town, live."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import CHROMIUM, ROOT, Heard
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a live platform with the devices of the small town."""
    if CHROMIUM is None:
        pytest.skip("chromium is missing; install it with: apt-get install chromium fonts-noto-cjk")
    folder = tmp_path_factory.mktemp("hub")
    words = ["up", "--city", "harbour", "--scenario", "calm_day", "--speed", "300", "--port", "0"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
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
        yield found.group(1)
        process.terminate()


def ask(hub: str, path: str) -> Any:
    with urllib.request.urlopen(f"{hub}/api{path}", timeout=10) as answer:
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
    for name in ask(hub, f"/devices/{pole['device']}/latest"):
        expect(facts).to_contain_text(name)
    facts.get_by_role("link", name="illuminance_lx").click()
    expect(page.locator(".cb-hub-series h2")).to_contain_text("illuminance_lx")
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


def test_nothing_is_left_in_english_on_the_chinese_page(hub: str, page: Page, pole: dict[str, Any]) -> None:
    for place in ("devices", f"device/{pole['device']}", f"object/{pole['object']}", "alarms", "ledger", "quarantine"):
        page.goto(f"{hub}/hub#/{place}")
        expect(page.locator(".cb-hub-main section").first).to_be_visible()
        words = page.locator(".cb-hub-main h2, .cb-hub-main h3, .cb-hub-main th, .cb-hub-main dt").all_inner_texts()
        assert words
        for word in words:
            assert not re.search(r"[A-Za-z]{3,}", word.replace(str(pole), "")) or "_" in word, word
