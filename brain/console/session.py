"""One tab: keeps in mind what it has been shown, sends what has changed, and takes what its person says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from brain.console.actions import OrderInvalidError, may, order_given, roles_of
from brain.console.changes import changes
from brain.console.door import TooManyTriesError
from brain.console.look import Look
from brain.console.loop import loop
from brain.console.matter import matter, matters
from brain.console.picture import picture
from brain.console.room import Room
from brain.console.shown import Json, Panel
from brain.console.traces import PROPERTIES, traces
from brain.console.words import LANGUAGES
from brain.model import OrderGiven
from brain.reasons import plain, reason
from brain.seats import SeatOrder
from brain.views import Situation
from datahub.contract.errors import UsageError

FORGET: Final = 20
"""Orders whose end a tab waits for at once."""


@dataclass(slots=True)
class Session:
    """What one tab is shown. ``send`` carries a merge patch to it."""

    room: Room
    look: Look
    send: Callable[[Panel], None]
    awake: bool = True
    _shown: Panel = field(default_factory=dict)
    _told: int = 0
    _word: Panel = field(default_factory=dict)
    _known: frozenset[str] = frozenset()
    _waiting: list[tuple[OrderGiven, int]] = field(default_factory=list)

    def first(self) -> Panel:
        """Everything, for a page that opens; in war it opens on the gravest incident."""
        situation = self.room.situation()
        self._known = frozenset(each.id for each in situation.incidents)
        opened = [each.id for each in situation.incidents if each.activated and not each.closed]
        if opened and not self.look.incident:
            self.look.incident = opened[0]
        self._shown = self._all(situation)
        return self._shown

    def push(self) -> None:
        """Send what has changed since the last time; nothing to a tab that nobody sees."""
        if not self.awake:
            return
        situation = self.room.situation()
        self._notice(situation)
        self._hear_back(situation)
        now = self._all(situation)
        patch = changes(self._shown, now)
        if patch:
            self.send(patch)
            self._shown = now

    def _all(self, situation: Situation) -> Panel:
        look, room = self.look, self.room
        return {
            **room.shared(situation, look),
            "list": matters(situation, look),
            "matter": matter(situation, look, room.city),
            "loop": loop(situation, look),
            "curves": traces(situation, look, room.land),
            "map": picture(situation, look, room.land),
            "seat": self._seat(),
            "told": self._word,
        }

    def _seat(self) -> Panel:
        look = self.look
        word = look.words(f"seat.{look.role}") if look.role else ""
        return {"lang": look.lang, "incident": look.incident, "name": look.seat, "role": look.role, "word": word}

    def _notice(self, situation: Situation) -> None:
        """Turn to an incident that has just come up, if the whole city is looked at."""
        opened = [each.id for each in situation.incidents if not each.closed and each.stage != "dismissed"]
        fresh = [id_ for id_ in opened if id_ not in self._known]
        if fresh:
            self._known |= frozenset(fresh)
            if not self.look.incident:
                self.look.incident = fresh[0]

    # what the person says

    def hear(self, said: Mapping[str, object]) -> None:
        """A selection, a language, a curve or an order; anything else is passed over."""
        match said.get("what"):
            case "select":
                self.look.incident = str(said.get("incident", ""))
            case "lang" if said.get("lang") in LANGUAGES:
                self.look.lang = str(said["lang"])
                self._word = {}
            case "curve" if said.get("property") in PROPERTIES:
                name, step = str(said["property"]), 1 if said.get("step") != -1 else -1
                self.look.curve[name] = self.look.curve.get(name, 0) + step
            case "order":
                self._order(said)
            case "awake":
                self.awake = bool(said.get("awake"))
            case "sign_out":
                self.sit("", "")
            case _:
                return
        self.push()

    def sit(self, seat: str, role: str) -> None:
        """Take a seat, or leave it (empty)."""
        self.look.seat, self.look.role = seat, role
        self.tell("done", self.look.words("seat.welcome", seat=self._seat()["word"]) if role else self._left())

    def enter(self, name: str, password: str) -> bool:
        """Sign in; whether it went well. May take a tenth of a second, so not for the event loop."""
        try:
            seat = self.room.door.enter(name, password)
        except TooManyTriesError as error:
            self.tell("sign_in", self.look.words("seat.slow", n=round(error.wait_s)))
            return False
        if seat is None:
            self.tell("sign_in", self.look.words("seat.wrong"))
            return False
        self.sit(seat.name, seat.role)
        return True

    def tell(self, kind: str, text: str) -> None:
        """Say something to this person only: ``done``, ``sent``, ``refused``, or ``sign_in`` in that dialog."""
        self._told += 1
        self._word = {"id": self._told, "kind": kind, "text": text}

    def _left(self) -> str:
        return self.look.words("seat.left")

    def _order(self, said: Mapping[str, object]) -> None:
        words, situation = self.look.words, self.room.situation()
        order = str(said.get("order", ""))
        if not self.look.role:
            self.tell("refused", words("order.sign_in_first"))
            return
        if order in tuple(SeatOrder) and not may(self.look.role, order):
            role, roles = words(f"seat.{self.look.role}"), roles_of(order, self.look)
            text = words("order.forbidden", role=role, order=words(f"order.{order}"), roles=roles)
            self.tell("refused", text)
            return
        try:
            given = order_given(said, self.look, t=situation.t)
            self.room.order(given)
        except OrderInvalidError:
            self.tell("refused", words("order.unknown"))
        except UsageError as error:
            self.tell("refused", words.of(reason(str(error), plain)))
        else:
            self._waiting = [*self._waiting[-FORGET:], (given, len(situation.ticker))]
            self.tell("sent", words("order.sent", order=words(f"order.{order}")))

    def _hear_back(self, situation: Situation) -> None:
        """Tell the person what became of the orders that are still out."""
        still = []
        for given, before in self._waiting:
            end = self._end_of(given, situation)
            if end is None:
                still.append((given, before))
            else:
                self.tell(*end)
        self._waiting = still

    def _end_of(self, given: OrderGiven, situation: Situation) -> tuple[str, str] | None:
        words, clock = self.look.words, self.room.clock
        mine = [line for line in situation.ticker if line.subject == given.subject and line.t > given.t]
        word = words(f"order.{given.order}")
        for line in mine:
            if line.kind == "OrderRefused":
                return "refused", words("order.refused", at=clock(line.t), why=words.of(line.text))
        if any(line.kind == "OrderGiven" for line in mine):
            at = next(line.t for line in mine if line.kind == "OrderGiven")
            return "done", words("order.done", at=clock(at), order=word)
        return None


def json_of(value: object) -> Mapping[str, Json]:
    """What a page sent, if it is an object at all."""
    return value if isinstance(value, Mapping) else {}
