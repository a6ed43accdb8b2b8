"""Databases that the hub opens, brings up to date, or will not touch."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hub_town import METER, T0, Town, births, pack
from sqlalchemy import create_engine, text

from datahub.store.migrations import HUB, VERSION, StoreRefused, bring_up
from datahub.store.observations import FILE as OBSERVATIONS
from datahub.store.observations import Observations
from datahub.store.session import FILE as CITY
from datahub.store.session import Store


def used(directory: Path) -> None:
    """A directory in which a hub has worked."""
    town = Town(directory)
    town.send(births(METER, devices=[101]), pack(101, [(101, "volume_m3", T0, 1.0)]))
    town.hub.tick(T0)
    town.hub.close()


def test_a_newer_transactional_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    used(tmp_path)
    with sqlite3.connect(tmp_path / CITY) as database:
        database.execute("UPDATE hub_schema SET version = ?", (VERSION + 1,))
    before = (tmp_path / CITY).read_bytes()
    with pytest.raises(StoreRefused, match=rf"version {VERSION + 1}.*newer program"):
        Town(tmp_path)
    assert (tmp_path / CITY).read_bytes() == before


def test_a_newer_column_store_is_refused(tmp_path: Path) -> None:
    used(tmp_path)
    with duckdb.connect(tmp_path / OBSERVATIONS) as database:
        database.execute("UPDATE hub_schema SET version = 99")
    with pytest.raises(StoreRefused, match="version 99"):
        Town(tmp_path)


def test_another_citys_database_is_refused(tmp_path: Path) -> None:
    used(tmp_path)
    with pytest.raises(StoreRefused, match="holds the city 'harbour', not 'zhuhai'"):
        Store(tmp_path, city="zhuhai")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / CITY).write_bytes(b"These are my holiday pictures. " * 40)
    with pytest.raises(StoreRefused, match="no readable database"):
        Store(tmp_path, city="harbour")
    (tmp_path / OBSERVATIONS).write_bytes(b"These are my holiday pictures. " * 400)
    with pytest.raises(StoreRefused, match="cannot be opened"):
        Observations(tmp_path)


def test_tables_without_a_version_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / CITY) as database:
        database.execute("CREATE TABLE hub_device (device INTEGER)")
    with pytest.raises(StoreRefused, match="no schema version"):
        Store(tmp_path, city="harbour")


def test_databases_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    used(tmp_path)
    for leftover in tmp_path.glob(f"{CITY}*"):
        leftover.unlink()
    with pytest.raises(StoreRefused, match="do not belong together"):
        Town(tmp_path)


def test_a_second_process_cannot_open_the_column_store(tmp_path: Path) -> None:
    town = Town(tmp_path)
    with pytest.raises(StoreRefused, match=r"cannot be opened|already"):
        Observations(tmp_path, memory_mb=64)
    town.hub.close()


def test_an_older_database_is_brought_up_step_by_step(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    bring_up(engine, HUB, city="harbour", place="old.sqlite")
    steps = {
        HUB.version: lambda connection: connection.execute(text("ALTER TABLE hub_tick ADD COLUMN mood TEXT")),
        HUB.version + 1: lambda connection: connection.execute(text("UPDATE hub_tick SET mood = 'calm'")),
    }
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO hub_tick (id, t, journal, digest) VALUES (1, 2, 3, x'00')"))
    bring_up(engine, replace(HUB, version=HUB.version + 2, steps=steps), city="harbour", place="old.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT mood FROM hub_tick")).scalar_one() == "calm"
        assert connection.execute(text("SELECT version FROM hub_schema")).scalar_one() == HUB.version + 2


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    bring_up(engine, HUB, city="harbour", place="old.sqlite")
    steps = {HUB.version: lambda connection: connection.execute(text("UPDATE no_such_table SET a = 1"))}
    with pytest.raises(StoreRefused, match="no such table"):
        bring_up(engine, replace(HUB, version=HUB.version + 1, steps=steps), city="harbour", place="old.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM hub_schema")).scalar_one() == HUB.version


def test_an_old_database_without_a_way_up_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    bring_up(engine, HUB, city="harbour", place="old.sqlite")
    with pytest.raises(StoreRefused, match=f"no migration from {HUB.version}"):
        bring_up(engine, replace(HUB, version=HUB.version + 1, steps={}), city="harbour", place="old.sqlite")
