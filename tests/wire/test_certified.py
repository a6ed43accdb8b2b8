"""``citybrain broker``: certificates and secrets that end, tried on the real mosquitto by its own clients."""

from __future__ import annotations

import csv
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from wire_brokers import Mosquitto, client, running

from datahub.contract.clock import DAY_MS, wall_ms
from datahub.contract.errors import UsageError
from datahub.devices.authority import Authority
from datahub.hub import Hub
from datahub.transport.broker import free_port
from datahub.transport.local import LocalBus
from scenarios.live.broker_setup import Listening, set_up

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from hub_town import METER, T0, births

NODE, OTHER = 44040222020000012, 44040222020000020
NOW = wall_ms()


class Platform:
    """A platform that knows two nodes, and the folder of its broker."""

    def __init__(self, folder: Path) -> None:
        self.data, self.folder = folder / "data", folder / "broker"
        self.at = Listening("127.0.0.1", free_port(), free_port())
        bus = LocalBus()
        hub = Hub("zhuhai", "440400", self.data, bus.city_end, start=T0)
        bus.field_end.send(births(METER, devices=[NODE, OTHER]))
        hub.intake()
        hub.tick(T0)
        hub.close()

    def broker(self, *, revoke: str = "", certify: int | str = "", days: int = 0, now: int = NOW) -> str:
        """What the command does."""
        return set_up(
            self.folder, city="zhuhai", data=self.data, at=self.at, revoke=revoke, certify=str(certify), days=days,
            now=now,
        )  # fmt: skip

    def secret(self, name: int) -> str:
        with (self.folder / "secrets.csv").open(newline="") as file:
            return dict(csv.reader(file))[str(name)]

    def by_secret(self, name: int, secret: str) -> list[str]:
        return ["-p", str(self.at.port), "-u", str(name), "-P", secret]

    def by_certificate(self, stem: Path) -> list[str]:
        return ["-p", str(self.at.certificate_port), "--cert", f"{stem}.crt", "--key", f"{stem}.key"]

    def words(self, program: str, proof: list[str], topic: str) -> list[str]:
        found = shutil.which(program)
        assert found is not None
        ca = ["--cafile", str(self.folder / "ca.crt"), "-h", "127.0.0.1"]
        return ["stdbuf", "-oL", found, "-V", "mqttv5", "-d", "-q", "1", *ca, *proof, "-t", topic]

    def may(self, proof: list[str], node: int) -> bool:
        """Whether a reading on a node's topic is acknowledged (MQTT 5: reason code 0, or 16: nobody listens)."""
        words = [*self.words("mosquitto_pub", proof, f"city/zhuhai/{node}/obs"), "-m", "[]"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
        return re.search(r"received PUBACK .*RC:(0|16)\)", done.stdout) is not None


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    if shutil.which("mosquitto_pub") is None:
        pytest.skip("needs mosquitto and mosquitto-clients: apt-get install mosquitto mosquitto-clients")
    return Platform(tmp_path)


@contextmanager
def mosquitto(platform: Platform) -> Iterator[Mosquitto]:
    conf = platform.folder / "mosquitto.conf"
    conf.write_text(conf.read_text() + "user root\n")
    with running(conf) as broker:
        yield broker


def test_a_node_proves_itself_by_its_certificate_and_no_longer_by_its_secret(platform: Platform) -> None:
    platform.broker()
    secret, stem = platform.secret(NODE), platform.folder / "certificates" / str(NODE)
    said = platform.broker(certify=NODE, days=30)
    assert f"{stem}.crt and .key" in said
    for path in (stem.with_suffix(".crt"), stem.with_suffix(".key"), platform.folder / "secrets.csv"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with mosquitto(platform):
        assert platform.may(platform.by_certificate(stem), NODE)
        assert not platform.may(platform.by_certificate(stem), OTHER)
        assert not platform.may(platform.by_secret(NODE, secret), NODE)
        assert platform.may(platform.by_secret(OTHER, platform.secret(OTHER)), OTHER)


def test_a_new_certificate_ends_the_former_and_a_revocation_silences_who_is_connected(
    platform: Platform, tmp_path: Path
) -> None:
    platform.broker()
    stem, former = platform.folder / "certificates" / str(NODE), list[Path]()
    with mosquitto(platform) as broker:
        for day in (4, 3, 2, 1):
            platform.broker(certify=NODE, days=30, now=NOW - day * DAY_MS)
            broker.send_signal(signal.SIGHUP)
            broker.until("Reloading config")
            assert platform.may(platform.by_certificate(stem), NODE)
            assert [platform.may(platform.by_certificate(one), NODE) for one in former] == [False] * len(former)
            former.append(tmp_path / f"{day}")
            for ending in (".crt", ".key"):
                shutil.copy(stem.with_suffix(ending), former[-1].with_suffix(ending))
        talk = platform.words("mosquitto_pub", platform.by_certificate(stem), f"city/zhuhai/{NODE}/obs")
        with client([*talk, "-l"]) as talker:
            assert "RC:16)" in say(talker), "nobody listens, and it is taken"
            platform.broker(revoke=str(NODE))
            broker.send_signal(signal.SIGHUP)
            broker.until("Reloading config")
            assert "RC:135)" in say(talker), "not authorised any more"
        assert not platform.may(platform.by_certificate(stem), NODE)


def say(talker: subprocess.Popen[str]) -> str:
    """Publish once on the connection that there is; what the broker answers."""
    assert talker.stdin is not None
    assert talker.stdout is not None
    talker.stdin.write("[]\n")
    talker.stdin.flush()
    return next((line for line in talker.stdout if "received PUBACK" in line), "no answer")


def test_what_was_issued_for_some_days_is_over_after_them(platform: Platform) -> None:
    platform.broker(certify=NODE, days=1, now=NOW - 2 * DAY_MS)
    secret, stem = platform.secret(OTHER), platform.folder / "certificates" / str(NODE)
    with mosquitto(platform) as broker:
        assert platform.may(platform.by_secret(OTHER, secret), OTHER), "a broker holds what it was given"
        assert not platform.may(platform.by_certificate(stem), NODE), "a certificate carries its end"
        said = platform.broker(days=1)
        broker.send_signal(signal.SIGHUP)
        broker.until("Reloading config")
        assert not platform.may(platform.by_secret(OTHER, secret), OTHER)
        assert platform.may(platform.by_secret(OTHER, platform.secret(OTHER)), OTHER)
    assert "4 names, 4 of them new" in said


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"certify": "44040222020009999", "days": 30}, "neither a node that was ever born, nor hub or north"),
        ({"certify": NODE}, "has no end; give --days"),
        ({"certify": NODE, "revoke": str(NODE), "days": 1}, "certified and revoked at once"),
        ({"certify": NODE, "days": 3650, "now": NOW + 30 * DAY_MS}, "would outlive the authority"),
    ],
)
def test_what_cannot_be_certified_is_refused_and_leaves_all_as_it_was(
    platform: Platform, asked: dict[str, object], complaint: str
) -> None:
    platform.broker()
    secret = platform.secret(NODE)
    with pytest.raises(UsageError, match=complaint):
        platform.broker(**asked)  # type: ignore[arg-type]
    assert "4 names, 0 of them new" in platform.broker()
    assert platform.secret(NODE) == secret
    assert not (platform.folder / "certificates").exists()


def test_the_authoritys_key_is_kept_under_a_passphrase_from_the_day_one_is_set(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.broker()
    key = platform.data / "authority" / "ca.key"
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    monkeypatch.setenv("CITYBRAIN_AUTHORITY_PASSPHRASE", "one that nobody guesses")
    platform.broker()
    assert key.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    platform.broker(certify=NODE, days=30)
    stem = platform.folder / "certificates" / str(NODE)
    with mosquitto(platform):
        assert platform.may(platform.by_certificate(stem), NODE), "it is the same authority"
    for wrong in ("another that nobody guesses", ""):
        monkeypatch.setenv("CITYBRAIN_AUTHORITY_PASSPHRASE", wrong)
        with pytest.raises(UsageError, match=r"ca.key cannot be read; set CITYBRAIN_AUTHORITY_PASSPHRASE to"):
            platform.broker(certify=OTHER, days=30)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda at: (at / "ca.crt").unlink(), r"ca.crt is not the certificate of .*ca.key; put both back from a copy"),
        (lambda at: (at / "ca.crt").write_text(""), "ca.crt is not the certificate of"),
        (lambda at: Authority.at(at.parent / "o", now=NOW).write(at, host="h"), "ca.crt is not the certificate of"),
        (lambda at: (at / "ca.key").write_text(""), "ca.key cannot be read; put it back from a copy"),
    ],
    ids=["lost", "empty", "another's", "key damaged"],
)
def test_an_authority_that_is_not_whole_is_named(
    platform: Platform, harm: Callable[[Path], object], complaint: str
) -> None:
    platform.broker()
    harm(platform.data / "authority")
    with pytest.raises(UsageError, match=complaint):
        platform.broker()


def test_a_short_passphrase_is_refused(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYBRAIN_AUTHORITY_PASSPHRASE", "abc")
    with pytest.raises(UsageError, match="must have 16 to 1000 letters"):
        platform.broker()


def test_a_certificate_only_without_its_key_is_made_anew_and_what_was_cut_short_is_overwritten(
    platform: Platform, tmp_path: Path
) -> None:
    (platform.data / "authority").mkdir()
    (platform.data / "authority" / "ca.crt").write_text("cut short")
    (platform.data / "authority" / "ca.key.new").write_text("cut short")
    platform.broker()
    assert stat.S_IMODE((platform.data / "authority" / "ca.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("harm", ["server.crt", "server.key", "ca", "host"])
def test_the_brokers_own_pair_is_made_anew_where_it_does_not_fit(platform: Platform, harm: str) -> None:
    platform.broker()
    own = platform.folder / "server.crt"
    before = own.read_bytes()
    platform.broker()
    assert own.read_bytes() == before
    if harm == "ca":
        shutil.rmtree(platform.data / "authority")
    elif harm == "host":
        platform.at = replace(platform.at, host="localhost")
    else:
        (platform.folder / harm).unlink()
    platform.broker()
    assert own.read_bytes() != before
    platform.at = replace(platform.at, host="127.0.0.1")
    platform.broker()
    with mosquitto(platform):
        assert platform.may(platform.by_secret(OTHER, platform.secret(OTHER)), OTHER)
