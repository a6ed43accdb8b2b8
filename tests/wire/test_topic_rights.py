"""Who may say and hear what: mosquitto with the files written from the credentials, tried by its own clients."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from wire_brokers import Mosquitto, client, running

from datahub.contract.clock import DAY_MS, wall_ms
from datahub.contract.errors import OutsideError
from datahub.contract.topics import Topics
from datahub.devices import broker_files
from datahub.devices.authority import Authority, Certificate
from datahub.devices.credentials import Credentials, Role
from datahub.hub import Hub
from datahub.store.session import Store
from datahub.transport.broker import free_port
from datahub.transport.mqtt import MqttCityBus, MqttFieldBus

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from hub_town import METER, T0, births, pack

NODE, OTHER, GATEWAY, CARRIED, GONE, LATE = (
    "44040222010000017", "44040222010000025", "44040222800000018", "44040222010000033", "44040222010000041",
    "44040222010000050",
)  # fmt: skip
TOPICS = Topics("zhuhai")
NOW = wall_ms()


@dataclass
class Broker:
    """A mosquitto with our files, and what its clients need."""

    folder: Path
    credentials: Credentials
    authority: Authority
    port: int = field(default_factory=free_port)
    certificate_port: int = field(default_factory=free_port)
    secrets: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, Path] = field(default_factory=dict)
    process: Mosquitto = field(init=False)

    def write(self) -> Path:
        self.authority.revoked = self.credentials.revoked_serials()
        return broker_files.write(
            self.folder, self.credentials.in_force(NOW), shut_out=self.credentials.shut_out(NOW), topics=TOPICS,
            authority=self.authority, host="127.0.0.1", port=self.port, certificate_port=self.certificate_port,
        )  # fmt: skip

    def keep(self, name: str, one: Certificate) -> None:
        for ending, body in (("crt", one.pem), ("key", one.key)):
            (self.folder / f"{name}.{ending}").write_bytes(body)
        self.certificates[name] = self.folder / name

    def client(self, program: str, who: str, *words: str) -> list[str]:
        found = shutil.which(program)
        assert found is not None
        ca = ["--cafile", str(self.folder / "ca.crt"), "-h", "127.0.0.1"]
        if who in self.certificates:
            stem = self.certificates[who]
            proof = ["-p", str(self.certificate_port), "--cert", f"{stem}.crt", "--key", f"{stem}.key"]
        else:
            secret = self.secrets.get(who, "wrong")
            proof = ["-p", str(self.port), *(["-u", who, "-P", secret] if who != "nobody" else [])]
        return ["stdbuf", "-oL", found, "-V", "mqttv5", "-d", *ca, *proof, *words]

    def may_publish(self, who: str, topic: str) -> bool:
        """Whether mosquitto_pub gets its message acknowledged."""
        words = self.client("mosquitto_pub", who, "-q", "1", "-t", topic, "-m", "[]")
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
        # 0 is success, 16 success without anybody who listens, 135 not authorised (MQTT 5, 3.4.2.1)
        return "received PUBACK" in done.stdout and ("RC:0)" in done.stdout or "RC:16)" in done.stdout)

    def may_hear(self, who: str, topic: str) -> bool:
        """Whether mosquitto_sub hears what the hub says on a topic."""
        words = self.client("mosquitto_sub", who, "-q", "1", "-t", topic, "-C", "1", "-W", "2")
        with client(words) as listener:
            assert listener.stdout is not None
            heard = False
            for line in listener.stdout:
                if "received SUBACK" in line:
                    assert self.may_publish("hub", topic.replace("#", "pole_leakage"))
                heard |= line.strip() == "[]"
        return heard


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if shutil.which("mosquitto_pub") is None:
        pytest.skip("needs mosquitto-clients: apt-get install mosquitto-clients")
    folder = tmp_path_factory.mktemp("broker")
    store = Store(folder / "hub", city="zhuhai")
    town = Broker(folder, Credentials(store), Authority.at(folder / "authority", now=NOW))
    who = {"hub": Role.HUB, "north": Role.LISTENER, NODE: Role.NODE, GONE: Role.NODE, LATE: Role.NODE}
    for name, role in who.items():
        expires = NOW - 1 if name == LATE else 0
        town.secrets[name] = town.credentials.issue(name, role, t=NOW - DAY_MS, by="test", expires=expires)
    carried = [int(GATEWAY), int(CARRIED)]
    town.secrets[GATEWAY] = town.credentials.issue(GATEWAY, Role.CARRIER, t=NOW, by="test", carries=carried)
    town.credentials.revoke(GONE, t=NOW, by="test", why="stolen")
    for name in (OTHER, CARRIED):
        one = town.authority.certify(name, now=NOW, expires=NOW + DAY_MS)
        town.credentials.certify(name, Role.NODE, one.serial, t=NOW, by="test", expires=NOW + DAY_MS)
        town.keep(name, one)
    town.credentials.revoke(CARRIED, t=NOW, by="test", why="lost")
    town.keep("stranger", Authority.at(folder / "other", now=NOW).certify(NODE, now=NOW, expires=NOW + DAY_MS))
    town.keep("expired", town.authority.certify(OTHER, now=NOW - 9 * DAY_MS, expires=NOW - DAY_MS))
    conf = town.write()
    conf.write_text(conf.read_text() + "user root\n")
    with running(conf) as town.process:
        yield town
    store.close()


def of(node: str, word: str) -> str:
    return f"city/zhuhai/{node}/{word}"


#: who, topic, publish (True) or hear, allowed.
ATTEMPTS = [
    (NODE, of(NODE, "obs"), True, True),
    (NODE, of(NODE, "birth"), True, True),
    (NODE, of(NODE, "ack"), True, True),
    (NODE, of(OTHER, "obs"), True, False),
    (NODE, of(OTHER, "death"), True, False),
    (NODE, of(NODE, "cmd"), True, False),
    (NODE, "city/zhuhai/_watermark", True, False),
    (NODE, "city/zhuhai/_alarm/pole_leakage", True, False),
    (NODE, "city/zhuhai/_marker/field", True, False),
    (NODE, "city/haikou/44040222010000017/obs", True, False),
    (NODE, of(NODE, "cmd"), False, True),
    (NODE, "city/zhuhai/_watermark", False, True),
    (NODE, of(OTHER, "cmd"), False, False),
    (NODE, of(OTHER, "obs"), False, False),
    (NODE, "city/zhuhai/_alarm/#", False, False),
    (OTHER, of(OTHER, "obs"), True, True),
    (OTHER, of(NODE, "obs"), True, False),
    (GATEWAY, of(GATEWAY, "obs"), True, True),
    (GATEWAY, of(CARRIED, "obs"), True, True),
    (GATEWAY, of(NODE, "obs"), True, False),
    (GATEWAY, of(CARRIED, "cmd"), False, True),
    ("hub", of(NODE, "cmd"), True, True),
    ("hub", of(NODE, "obs"), False, True),
    ("north", "city/zhuhai/_alarm/#", False, True),
    ("north", of(NODE, "obs"), False, False),
    ("north", "city/zhuhai/_alarm/pole_leakage", True, False),
    ("nobody", of(NODE, "obs"), True, False),
    ("44040222010009999", of(NODE, "obs"), True, False),
    (GONE, of(GONE, "obs"), True, False),
    (LATE, of(LATE, "obs"), True, False),
    (CARRIED, of(CARRIED, "obs"), True, False),
    ("stranger", of(NODE, "obs"), True, False),
    ("expired", of(OTHER, "obs"), True, False),
]


@pytest.mark.parametrize(("who", "topic", "says", "allowed"), ATTEMPTS)
def test_everybody_says_and_hears_what_is_theirs(
    broker: Broker, who: str, topic: str, says: bool, allowed: bool
) -> None:
    assert (broker.may_publish if says else broker.may_hear)(who, topic) == allowed


def test_a_wrong_secret_proves_nobody(broker: Broker) -> None:
    right = broker.secrets[NODE]
    broker.secrets[NODE] = right[::-1]
    try:
        assert not broker.may_publish(NODE, of(NODE, "obs"))
    finally:
        broker.secrets[NODE] = right
    assert broker.may_publish(NODE, of(NODE, "obs"))


def test_a_revocation_cuts_off_who_is_connected(broker: Broker) -> None:
    late = "44040222010000068"
    broker.secrets[late] = broker.credentials.issue(late, Role.NODE, t=NOW, by="test")
    broker.write()
    broker.process.send_signal(signal.SIGHUP)
    until_read(broker, late, known=True)
    words = broker.client("mosquitto_sub", late, "-t", of(late, "cmd"), "-W", "20")
    with client(words) as listener:
        assert listener.stdout is not None
        assert any("received SUBACK" in line for line in listener.stdout)
        broker.credentials.revoke(late, t=NOW, by="test", why="stolen")
        broker.write()
        broker.process.send_signal(signal.SIGHUP)
        said = listener.stdout.read()
    assert "received CONNACK (135)" in said, "cut off, and not let in again"
    assert not broker.may_publish(late, of(late, "obs"))


def until_read(broker: Broker, name: str, *, known: bool) -> None:
    for _ in range(50):
        if broker.may_publish(name, of(name, "obs")) == known:
            return
    raise AssertionError("mosquitto did not read its files again")


def test_hub_and_gateway_speak_over_tls_with_what_was_issued_to_them(broker: Broker, tmp_path: Path) -> None:
    ca = broker.folder / "ca.crt"
    gateway = f"mqtts://{GATEWAY}:{broker.secrets[GATEWAY]}@127.0.0.1:{broker.port}?ca={ca}"
    desk = f"mqtts://hub:{broker.secrets['hub']}@127.0.0.1:{broker.port}?ca={ca}"
    hub = Hub("zhuhai", "440400", tmp_path, MqttCityBus(desk, TOPICS), start=T0)
    field_end = MqttFieldBus(gateway, TOPICS)
    for code in (int(GATEWAY), int(NODE)):
        field_end.send(births(METER, devices=[code]))
        field_end.send(pack(code, [(code, "volume_m3", T0, 1.0)]))
    for _ in range(50):
        hub.intake(wait_s=0.2)
        if hub.ledger.received:
            break
    hub.intake(wait_s=0.5)
    assert hub.queries.devices().device.tolist() == [int(GATEWAY)], "the broker let nothing through for another node"
    assert hub.ledger.stored == 1
    field_end.close()
    hub.close()


def test_a_broker_that_nobody_we_trust_vouches_for_is_not_spoken_to(broker: Broker, tmp_path: Path) -> None:
    Authority.at(tmp_path, now=NOW)
    with pytest.raises(OutsideError, match=r"no MQTT broker answers.*certificate"):
        MqttCityBus(f"mqtts://hub:x@127.0.0.1:{broker.port}?ca={tmp_path / 'ca.crt'}", TOPICS)
    with pytest.raises(OutsideError, match="cannot be read"):
        MqttCityBus(f"mqtts://hub:x@127.0.0.1:{broker.port}?ca={tmp_path / 'none.crt'}", TOPICS)
