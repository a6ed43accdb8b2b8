"""One bridge at work: a node of the city that says on the wire what a vendor's cloud has told.

Whatever the vendor says is numbered and durable before it is believed to have been heard (``BridgeBook``); the intake
then takes it like any node's word, and the watermark that it sends back empties the outbox. A letter that was handed
over when the process died is handed over again, and the intake knows it by its number.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from datahub.bridges.bridged import Bridged
from datahub.bridges.numbering import answered, ill_told, packed
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import Reason
from datahub.contract.messages import Command
from datahub.contract.topics import Topics
from datahub.contract.wire import encode
from datahub.feed import Denial, Outcome, Said, Told
from datahub.resources.refusals import Entrance, Refusals
from datahub.store.bridge_book import BridgeBook, Letter, Standing
from datahub.store.session import Store
from datahub.store.tables import AuditRow

PATIENCE_S: Final = 60.0
"""A cloud that did not answer and said no time is asked again after so long [s of city time]. Ours to choose."""

MOST_PATIENCE_S: Final = 3_600.0
"""Each further time it is left alone twice as long, up to this [s of city time]. Ours to choose."""

LEAST_PATIENCE_S: Final = 1.0
"""Nobody is asked again sooner, whatever it said [s of city time]. Ours to choose."""

STRANGERS: Final = 1_000
"""Names of unknown devices that are written down."""


class Bridge:
    """One vendor's bridge.

    Attributes:
        letters: messages that the intake is to take next.
        orders: orders that are to go to the vendor.
        lock: whoever looks first and notes then holds it meanwhile.
        trouble: why the vendor could not be heard at the last try; empty if it could.
        patience_s: how long it was left alone after that [s]; 0 once it has answered.
        rests_until: no order goes to it before [ms].
    """

    def __init__(self, bridged: Bridged, store: Store, topics: Topics, refusals: Refusals) -> None:
        self.bridged, self._topics, self.lock = bridged, topics, store.lock
        self._refusals, self._who = refusals, f"bridge:{bridged.vendor}"
        self.book = BridgeBook(store, bridged.vendor, node=bridged.node)
        self.letters: deque[Letter] = deque()
        self.orders: deque[Command] = deque()
        self.trouble = ""
        self.patience_s, self.rests_until = 0.0, 0
        self._strangers: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._audit: list[AuditRow] = []
        if self.book.epoch:
            self.be_born()

    def be_born(self) -> None:
        """Say (again) what stands behind the bridge, and all that nobody has acknowledged.

        A bridge is born when its vendor first tells of a device: until then nobody need miss any.
        """
        births = [out for one in self.bridged.births(self.book.epoch) for out in encode(one, self._topics)]
        with self.lock:
            self.letters.clear()
            self.letters += [Letter(0, out.topic, out.payload) for out in births]
            self.letters += self.book.waiting()

    def hand_over(self) -> list[Letter]:
        """What the intake is to take next, handed over once."""
        with self.lock:
            letters = list(self.letters)
            self.letters.clear()
            return letters

    def note(self, said: Said, *, t: int, due: int | None = None) -> None:
        """Take what the vendor said at ``t`` [ms]: durable when this returns, or not taken at all.

        ``due`` is when to ask next [ms]; None leaves that as it is.
        """
        with self.lock:
            if said.told and not self.book.epoch:
                self.book.begin(t)
                self.be_born()
            before = self.book.standing
            told, outcomes, repeated = self._fresh(said)
            good = [one for one in told if not ill_told(one)]
            ill = [*said.ill, *(ill_told(one) for one in told if ill_told(one))]
            letters = packed(
                self.bridged,
                good,
                topics=self._topics,
                epoch=self.book.epoch,
                first=before.next,
                t=t,
                letter=before.out + 1,
            )
            count = sum(letter.count for letter in letters)
            letters += answered(self.bridged, outcomes, topics=self._topics, letter=before.out + len(letters) + 1)
            self._wonder(good, ill, t=t)
            now = msgspec.structs.replace(
                before,
                next=before.next + count,
                out=before.out + len(letters),
                cursor=said.cursor or before.cursor,
                due=before.due if due is None else due,
                heard=t,
                repeated=before.repeated + repeated,
                held=before.held + said.held,
            )
            ids = [*(one.id for one in told), *(one.id for one in outcomes), said.seal]
            self._commit(now, letters, seen=[one for one in ids if one], t=t)
            self.letters += letters
            self.trouble = ""

    def _fresh(self, said: Said) -> tuple[list[Told], list[Outcome], int]:
        """The words that had not come before, each once, and how many had."""
        words: list[Told | Outcome] = []
        words += said.told
        words += said.outcomes
        known = self.book.seen([one.id for one in words if one.id])
        told, outcomes = list[Told](), list[Outcome]()
        for one in words:
            if one.id and one.id in known:
                continue
            known.add(one.id)
            if isinstance(one, Told):
                told.append(one)
            else:
                outcomes.append(one)
        return told, outcomes, len(words) - len(told) - len(outcomes)

    def _wonder(self, told: Iterable[Told], ill: Sequence[str], *, t: int) -> None:
        """Note what is not as it should be: devices that the city does not know, words that are none."""
        unknown = Counter[str]()
        for one in told:
            if one.device not in self.bridged.code_of:
                unknown[one.device] += len(one.values)
        for name in unknown:
            if name not in self._strangers and len(self._strangers) < STRANGERS:
                self._strangers.add(name)
                self._write(t, Reason.UNKNOWN_DEVICE, name, "no device of the city goes by this id; see its bridge")
        if unknown:
            self._refused[Reason.UNKNOWN_DEVICE] += unknown.total()
        for what in ill:
            self._refused[Entrance.ILL] += 1
            self._refusals.count(Entrance.ILL, self._who, t=t, subject=self.bridged.vendor, detail=what)

    def deny(self, why: Denial, detail: str, *, source: str, t: int) -> None:
        """Count a post that is not taken; ``source``: where it came from."""
        with self.lock:
            self._refused[why] += 1
        vendor = self.bridged.vendor  # all clouds may come from one address, a proxy's: each has a line of its own
        self._refusals.count(Entrance(why.value), f"{source} {vendor}", t=t, subject=vendor, detail=detail)

    def _write(self, t: int, action: str, subject: str, detail: str) -> None:
        self._audit.append(AuditRow(t=t, who=self._who, action=action, subject=subject[:64], detail=detail[:200]))

    def put_off(self, why: str, *, t: int, due: int) -> None:
        """The vendor could not be heard; ask again at ``due`` [ms]."""
        with self.lock:
            self.trouble = why
            self._commit(msgspec.structs.replace(self.book.standing, due=due), t=t)

    def wait(self, t: int, retry_s: float) -> int:
        """Until when [ms] to leave a vendor alone that did not answer at ``t`` [ms].

        ``retry_s`` is the pause that it asked for, 0 if it said none.
        """
        self.patience_s = min(2 * self.patience_s, MOST_PATIENCE_S) or PATIENCE_S
        return t + round(max(retry_s or self.patience_s, LEAST_PATIENCE_S) * SECOND_MS)

    @property
    def unsettled(self) -> bool:
        """Whether something was counted that is not durable yet."""
        return bool(self._refused or self._audit)

    def settle(self, t: int) -> None:
        """Make durable what was counted since, and forget what the vendor cannot repeat any more."""
        with self.lock:
            if self.unsettled:
                self._commit(self.book.standing, t=t)
            self.book.forget(t - round(self.bridged.repeats_s * SECOND_MS))

    def _commit(self, standing: Standing, letters: Sequence[Letter] = (), *, seen: Sequence[str] = (), t: int) -> None:
        refused = Counter(standing.refused) + self._refused
        standing = msgspec.structs.replace(standing, refused=dict(sorted(refused.items())))
        self.book.commit(standing, letters=letters, seen=seen, audit=self._audit, t=t)
        self._refused.clear()
        self._audit.clear()
