"""Long lists are read to their end, page by page, and nothing is missed however much comes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births, pack
from test_api import TOKEN, Asgi, problem

from datahub.api.app import app
from datahub.contract.messages import Lost
from datahub.store.tables import AuditRow

POLES = [201, 202, 203, 204, 205]


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    town.send(births(POST, devices=POLES), births(METER, devices=[101]))
    town.hub.tick(T0)
    yield town
    town.hub.close()


@pytest.fixture
def client(town: Town) -> httpx.Client:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.Client(transport=Asgi(app(town.hub, token=TOKEN)), base_url="http://hub", headers=bearer)


def pages(client: httpx.Client, path: str, *, limit: int, key: str = "id") -> Iterator[list[Any]]:
    """Every page of a list, each asked for by the last of the one before it."""
    last = ""
    while True:
        answer = client.get(httpx.URL(path).copy_merge_params({"limit": limit} | ({"before": last} if last else {})))
        assert answer.status_code == 200, answer.text
        if not answer.json():
            return
        yield answer.json()
        last = str(answer.json()[-1][key])


def write(town: Town, first: int, count: int) -> None:
    with town.hub.store.session() as session:
        session.add_all(
            AuditRow(t=T0, who="somebody", action="look", subject=str(i % 3), detail=f"{i}")
            for i in range(first, first + count)
        )


def test_the_whole_audit_trail_is_read_a_thousand_lines_at_a_time(client: httpx.Client, town: Town) -> None:
    write(town, 0, 2_345)
    read: list[str] = []
    sizes = []
    for page in pages(client, "/audit", limit=1_000):
        read += [one["detail"] for one in page]
        sizes.append(len(page))
        write(town, 5_000 + len(read), 7)  # what comes while somebody reads
    assert read == [str(i) for i in reversed(range(2_345))]
    assert sizes == [1_000, 1_000, 345]
    (newest,) = client.get("/audit", params={"limit": 1}).json()
    assert newest["detail"] == str(5_000 + 2_345 + 6)


def test_what_was_done_to_one_is_read_page_by_page_as_well(client: httpx.Client, town: Town) -> None:
    write(town, 0, 30)
    read = [one["detail"] for page in pages(client, "/audit?subject=1", limit=4) for one in page]
    assert read == [str(i) for i in reversed(range(30)) if i % 3 == 1]


def test_nodes_in_quarantine_are_all_found_even_if_one_is_let_out_on_the_way(client: httpx.Client, town: Town) -> None:
    for minute, pole in enumerate(POLES, 1):
        t = T0 + minute * MINUTE
        town.send(pack(pole, [(pole, "noise_dba", t + i, 40.0 + i % 9) for i in range(12_000)]))
        town.hub.tick(t)
    found = pages(client, "/quarantine", limit=2)
    read = [one["node"] for one in next(found)]
    town.hub.release(int(read[-1]), by="lighting")
    read += [one["node"] for page in found for one in page]
    assert read == ["205", "204", "203", "202", "201"]
    held, free = (client.get(f"/quarantine?held={word}").json() for word in ("true", "false"))
    assert [one["node"] for one in held] == ["205", "203", "202", "201"]
    assert [(one["node"], one["by"]) for one in free] == [("204", "lighting")]


def test_batches_and_jobs_are_read_to_the_first_even_where_many_are_of_one_moment(
    client: httpx.Client, town: Town
) -> None:
    wanted: dict[str, list[str]] = {"/batches": [], "/jobs": []}
    order = {"devices": [str(POLES[0])], "by": "lighting"}
    for minute in range(3):
        town.hub.tick(T0 + minute * MINUTE)
        for i in range(3):
            batch = {**order, "id": f"b{minute}{i}", "name": "dim", "valid_s": 600}
            job = {**order, "id": f"j{minute}{i}", "settings": {"level_ratio": 0.5}}
            assert client.post("/batches", json=batch).status_code == 202
            assert client.post("/jobs", json=job).status_code == 201
            wanted["/batches"].insert(0, batch["id"])
            wanted["/jobs"].insert(0, job["id"])
    for path, ids in wanted.items():
        for limit in (1, 2, 4, 9):
            assert [one["id"] for page in pages(client, path, limit=limit) for one in page] == ids, (path, limit)
        assert "'never' was ever" in problem(client.get(path, params={"before": "never"}), 404)


def test_what_was_refused_declared_lost_and_applied_for_is_read_page_by_page(client: httpx.Client, town: Town) -> None:
    town.send(pack(101, [(101, "weight_kg", T0 + i, float(i)) for i in range(7)]))
    assert [one["value"] for page in pages(client, "/rejected", limit=3) for one in page] == [6, 5, 4, 3, 2, 1, 0]
    for i in range(5):
        first = 10 + 3 * i
        town.send(Lost(node=101, epoch=T0, first=first, last=first, t=T0, why="memory full"))
        town.hub.tick(T0 + (i + 1) * MINUTE)
    lost = [one["first"] for page in pages(client, "/gaps?declared=true", limit=2) for one in page]
    assert lost == [22, 19, 16, 13, 10]
    assert {one["id"] for one in client.get("/gaps").json()} == {None}, "what is missing may come yet"
    assert "declared=true" in problem(client.get("/gaps?before=3"), 422)
    asked = {"properties": ["noise_dba"], "purpose": "noise map", "ends": "2026-01-01T00:00:00Z"}
    for department in ("lighting", "police", "water"):
        answer = client.post("/applications", json={**asked, "department": department})
        assert answer.status_code == 201, answer.text
    applied = [one["department"] for page in pages(client, "/applications", limit=2, key="number") for one in page]
    assert applied == ["water", "police", "lighting"]


@pytest.mark.parametrize("wrong", ["0", "-3", "yesterday", str(2**63)])
def test_a_place_in_a_list_that_cannot_be_is_refused(client: httpx.Client, wrong: str) -> None:
    for path in ("/audit", "/quarantine", "/rejected", "/applications"):
        assert "before" in problem(client.get(path, params={"before": wrong}), 422)
