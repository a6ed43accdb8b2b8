"""The operations centre in a real browser, on a real brain: what a person at a seat sees and can do."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from conftest import City, Heard
from playwright.sync_api import Browser, Page, expect

from brain.plans.reading import library

CJK = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def burst(city: City) -> str:
    """An incident whose plan runs."""
    known = city.do("look")["incidents"]
    assert isinstance(known, list)
    if not known:
        known = city.do("burst")["incidents"]
    city.do("step", minutes=30)
    assert isinstance(known, list)
    return str(known[0])


def ready_s(page: Page, url: str) -> float:
    page.goto(url)
    page.wait_for_selector(".cb-head")
    marks = "performance.getEntriesByName('citybrain-ready')[0].startTime / 1000"
    return float(page.evaluate(marks))


def test_the_page_stands_in_two_seconds_complete_and_from_this_machine_alone(
    page: Page, city: City, heard: Heard
) -> None:
    assert min(ready_s(page, city.url) for _ in range(3)) < 2.0
    page.wait_for_selector(".cb-name")
    page.wait_for_selector(".cb-chart canvas")
    expect(page.locator(".cb-head h1")).to_contain_text("海港市")
    expect(page.locator(".cb-vital .value")).to_contain_text("17.2kPa")
    expect(page.locator(".cb-vital .band")).to_contain_text("正常 21.0–26.0")
    expect(page.locator(".cb-vital .mark")).to_contain_text("偏离")
    expect(page.locator(".cb-list")).to_contain_text("当前无突发事件")
    assert heard.outside == []
    assert heard.errors == []


def test_an_incident_is_pushed_to_the_screen_at_once_and_takes_the_page(page: Page, city: City, heard: Heard) -> None:
    page.goto(city.url)
    page.wait_for_selector(".cb-name")
    said = city.do("burst")
    since = time.perf_counter()
    page.wait_for_selector(".cb-list .cb-item.chosen")
    # the aim is one second; a machine that is busy with other tests gets three, so that only a broken push fails
    assert time.perf_counter() - since < 3.0
    expect(page.locator(".cb-item.chosen")).to_contain_text("供水主干管爆管")
    expect(page.locator(".cb-incident")).to_contain_text("供水主干管爆管")
    assert isinstance(said["incidents"], list)
    assert f"incident={said['incidents'][0]}" in page.url
    assert heard.errors == []


def test_a_link_shows_the_incident_in_english_and_nothing_is_left_in_chinese(
    page: Page, city: City, burst: str, heard: Heard
) -> None:
    page.goto(f"{city.url}/?incident={burst}&lang=en")
    expect(page.locator(".cb-plan")).to_contain_text("Repair the main")
    page.wait_for_selector(".cb-crew .busy")
    text = page.locator(".cb").inner_text().replace("中文", "")
    assert CJK.findall(text) == []
    page.click(".cb-lang")
    expect(page.locator(".cb-plan")).to_contain_text("抢修管道")
    expect(page.locator(".cb-loop")).to_contain_text("一点触发")
    expect(page.locator(".cb-loop")).to_contain_text("闭环反馈")
    assert "lang=" not in page.url
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert heard.outside == []
    assert heard.errors == []


def test_the_checklist_the_area_and_the_crews_are_those_of_the_plan(page: Page, city: City, burst: str) -> None:
    page.goto(f"{city.url}/?incident={burst}")
    page.wait_for_selector(".cb-step.done")
    (plan,) = library()
    assert page.locator(".cb-step .what b").all_inner_texts() == [step.zh for step in plan.step]
    assert page.locator(".cb-step.open .clock b").first.inner_text().startswith("剩余")
    expect(page.locator(".cb-mode")).to_contain_text("战时")
    expect(page.locator(".cb-facts")).to_contain_text("停水人口")
    page.wait_for_selector(".leaflet-area-pane path", state="attached")


def sign_in(page: Page, seat: str, password: str) -> None:
    page.click(".cb-seat")
    page.select_option(".cb-dialog select", seat)
    page.fill(".cb-dialog input", password)
    page.click(".cb-dialog .main")


def test_an_order_needs_a_seat_a_confirmation_in_words_and_comes_back_in_the_ticker(
    page: Page, city: City, burst: str, heard: Heard
) -> None:
    before = city.do("look")["orders"]
    page.goto(f"{city.url}/?incident={burst}")
    expect(page.locator(".cb-actions button")).to_have_text("登录后可调整级别")
    page.click(".cb-actions button")
    expect(page.locator(".cb-dialog h2")).to_have_text("席位登录")
    page.select_option(".cb-dialog select", "commander")
    page.fill(".cb-dialog input", "wrong")
    page.click(".cb-dialog .main")
    expect(page.locator(".cb-dialog .wrong")).to_contain_text("席位或口令不对")
    assert page.locator(".cb-told").count() == 0
    page.fill(".cb-dialog input", "commander-password")
    page.click(".cb-dialog .main")
    expect(page.locator(".cb-dialog")).to_have_count(0)
    expect(page.locator(".cb-seat.in")).to_contain_text("指挥长席")
    page.click(".cb-actions button")
    expect(page.locator(".cb-dialog .words")).to_contain_text("固定为所选级别")
    page.click(".cb-dialog .levels .l1")
    page.click(".cb-dialog .main")
    expect(page.locator(".cb-told")).to_contain_text("已交平台")
    orders = city.do("step", minutes=1)["orders"]
    assert isinstance(orders, list)
    assert isinstance(before, list)
    assert orders[len(before) :] == [["set_level", "commander", "commander", {"level": 1}]]
    expect(page.locator(".cb-told")).to_contain_text("已执行")
    expect(page.locator(".cb-ticker")).to_contain_text("指挥长席指令：调整级别（Ⅰ级）")
    expect(page.locator(".cb-item.chosen")).to_contain_text("Ⅰ级")
    page.reload()
    expect(page.locator(".cb-seat.in")).to_contain_text("指挥长席")
    assert heard.errors == []


def test_the_whole_header_and_every_vital_name_fit_a_small_screen(page: Page, city: City, burst: str) -> None:
    page.goto(f"{city.url}/?incident={burst}&lang=en")
    sign_in(page, "commander", "commander-password")
    expect(page.locator(".cb-seat.in")).to_contain_text("Commander")
    seat = page.locator(".cb-seat").bounding_box()
    assert seat is not None
    assert seat["x"] >= 0
    assert seat["x"] + seat["width"] <= 1366
    cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
    assert page.locator(".cb-vital .name, .cb-head > *").evaluate_all(cut) == []


def test_a_small_screen_leaves_the_map_free_and_says_what_stands_below(page: Page, city: City, burst: str) -> None:
    page.goto(f"{city.url}/?incident={burst}&lang=en")
    page.wait_for_selector(".cb-crew .busy")
    expect(page.locator(".cb-legend summary")).to_have_text("Legend")
    expect(page.locator(".cb-legend ul")).to_be_hidden()
    page.click(".cb-legend summary")
    expect(page.locator(".cb-legend ul")).to_be_visible()
    expect(page.locator(".cb-plan .cb-below")).to_contain_text("more below")
    page.wait_for_timeout(600)
    labels = "(all) => all.filter((one) => one.offsetWidth).map((one) => { const b = one.getBoundingClientRect(); "
    labels += "return [b.left, b.top, b.right, b.bottom, one.innerText]; })"
    boxes = page.locator(".cb-crew .busy > span:not(.note), .cb-incident span").evaluate_all(labels)
    assert boxes
    meet = [
        (one[4], other[4])
        for at, one in enumerate(boxes)
        for other in boxes[at + 1 :]
        if one[0] < other[2] - 2 and other[0] < one[2] - 2 and one[1] < other[3] - 2 and other[1] < one[3] - 2
    ]
    assert meet == []


def test_the_incident_page_prints_as_a_light_report_without_the_map(page: Page, city: City, burst: str) -> None:
    page.goto(f"{city.url}/?incident={burst}")
    page.wait_for_selector(".cb-step.done")
    page.emulate_media(media="print")
    for hidden in (".cb-map", ".cb-curves", ".cb-actions", ".cb-seat", ".cb-search"):
        expect(page.locator(hidden)).to_be_hidden()
    for shown in (".cb-item.chosen", ".cb-plan", ".cb-facts", ".cb-loop", ".cb-ticker"):
        expect(page.locator(shown)).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.cb')).backgroundColor") == "rgb(255, 255, 255)"
    cut = "(all) => all.filter((one) => one.scrollHeight > one.clientHeight + 1).length"
    assert page.locator(".cb .scroll").evaluate_all(cut) == 0
    assert page.pdf(format="A4")[:4] == b"%PDF"


SAY = "(said) => getElement(document.querySelector('.cb')).$emit('say', said)"


def test_a_page_cannot_order_what_its_seat_may_not_whatever_it_sends(page: Page, city: City, burst: str) -> None:
    before = city.do("look")["orders"]
    order = {"what": "order", "order": "set_level", "subject": burst, "arguments": {"level": 4}, "role": "commander"}
    page.goto(f"{city.url}/?incident={burst}")
    page.wait_for_selector(".cb-actions button")
    page.evaluate(SAY, order)
    expect(page.locator(".cb-told")).to_contain_text("须先登录席位")
    sign_in(page, "operator", "operator-password")
    expect(page.locator(".cb-seat.in")).to_contain_text("值班席")
    assert page.locator(".cb-actions button").is_disabled()
    expect(page.locator(".cb-actions button")).to_contain_text("需指挥长席")
    page.evaluate(SAY, order)
    expect(page.locator(".cb-told")).to_contain_text("无权")
    for nonsense in ("x", {"what": "order"}, {"what": "order", "order": "assign", "subject": 3}, None, 7):
        page.evaluate(SAY, nonsense)
    city.do("step", minutes=1)
    after = city.do("look")["orders"]
    assert after == before or (isinstance(after, list) and all(one[0] != "set_level" for one in after[len(before) :]))  # type: ignore[arg-type]


def test_what_people_and_devices_write_is_text_and_never_markup(page: Page, city: City, burst: str) -> None:
    city.do("hostile", on=True)
    page.goto(f"{city.url}/?incident={burst}")
    expect(page.locator(".cb-ticker")).to_contain_text("<script>window.hacked=1</script>{{constructor}}")
    page.wait_for_selector(".cb-crew")
    page.hover(".cb-crew >> nth=0", force=True)
    assert page.locator(".cb img").count() == 0
    assert page.evaluate("window.hacked") is None
    city.do("hostile", on=False)


def test_the_keyboard_walks_the_list_searches_and_goes_back_to_the_city(page: Page, city: City, burst: str) -> None:
    page.goto(f"{city.url}/?incident={burst}")
    page.wait_for_selector(".cb-plan")
    page.keyboard.press("Escape")
    page.wait_for_selector(".cb-plan", state="detached")
    assert "incident=" not in page.url
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".cb-plan")
    page.keyboard.press("/")
    page.keyboard.type("巡线")
    expect(page.locator(".cb-search li").first).to_contain_text("巡线一组")
    page.keyboard.press("Escape")
    assert page.locator(".cb-search li").count() == 0


HIDE = """(state) => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange')); }"""


def test_a_tab_that_nobody_sees_is_sent_nothing(page: Page, city: City, burst: str) -> None:
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(str(data))))
    page.goto(f"{city.url}/?incident={burst}")
    page.wait_for_selector(".cb-plan")
    page.evaluate(HIDE, "hidden")
    page.wait_for_timeout(700)
    seen, frames[:] = page.locator(".cb-clock b").inner_text(), []
    city.do("step", minutes=2)
    page.wait_for_timeout(1_200)
    assert [frame for frame in frames if "patch" in frame] == []
    assert page.locator(".cb-clock b").inner_text() == seen
    page.evaluate(HIDE, "visible")
    expect(page.locator(".cb-clock b")).not_to_have_text(seen)


def test_a_lost_connection_is_told_and_mends_itself_when_the_city_process_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    town = City(tmp_path)
    port = int(town.url.rpartition(":")[2])
    context = browser.new_context()
    page = context.new_page()
    page.goto(town.url)
    page.wait_for_selector(".cb-head")
    town.kill()
    expect(page.locator(".cb-alert")).to_contain_text("连接中断")
    again = City(tmp_path, port)
    again.do("step", minutes=7)
    expect(page.locator(".cb-alert")).to_have_count(0, timeout=15_000)
    expect(page.locator(".cb-clock b")).to_have_text("19:08:00", timeout=15_000)
    context.close()
    again.kill()
