"""The whole flow of the brain on one page.

    senses, departments, devices, seats ─▶ messages ─▶ REACTIONS ─▶ more messages ─▶ … until none is left
                                                          then RULES, in order; the first that has anything to say
                                                          says it, and the round begins again, until all is quiet
                                                          then the desk hands in what was ordered

A reaction is for one message; a rule looks at how all open matters stand. Each is a function that takes the office
and gives messages back. ``brain.apply`` writes what a message says into the memory before anyone reacts; working
knowledge that is in no message is written by the reaction that finds it (``brain.state`` says which).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from brain.casework import collect, walk_cases
from brain.following import (
    activate,
    begin_anew,
    close,
    confirm,
    feel_pressure,
    learn_from_command,
    learn_from_task,
    order_work,
    recall_tankers,
    search_on,
    stop_work,
    take_in_hand,
    walk_plan,
)
from brain.model import (
    CommandUpdated,
    EventClosed,
    EventDismissed,
    EventRaised,
    EventUpdated,
    Message,
    OrderGiven,
    StepDone,
    TaskOrdered,
    TaskUpdated,
    WarningIssued,
)
from brain.office import Office
from brain.seats import obey
from brain.sending import assign, call_off, estimate, follow_up, remember_tried, try_again
from brain.telling import feed_back, remember_warned, warn

Reaction: TypeAlias = Callable[[Office, Any], Iterable[Message]]
Rule: TypeAlias = Callable[[Office], Iterable[Message]]

#: Message -> who reacts. A message that is not here is only remembered and shown.
REACTIONS: Final[Mapping[type[Message], tuple[Reaction, ...]]] = {
    EventRaised: (take_in_hand, collect),
    EventUpdated: (recall_tankers,),
    EventDismissed: (stop_work,),
    EventClosed: (stop_work,),
    StepDone: (call_off, begin_anew),
    TaskOrdered: (remember_tried,),
    TaskUpdated: (estimate, learn_from_task, feed_back, try_again),
    CommandUpdated: (learn_from_command,),
    WarningIssued: (remember_warned,),
    OrderGiven: (obey,),
}

#: What is looked at when no message is left, in this order.
RULES: Final[tuple[Rule, ...]] = (
    confirm,  # facts confirm an event
    activate,  # a confirmed event starts its plan; its level follows the facts
    order_work,  # open steps order what they lack
    warn,  # and tell whom they have not told
    search_on,  # nothing found where we looked
    walk_plan,  # steps open, end, begin anew
    feel_pressure,  # the mains are back in their band
    close,  # the loop is closed
    walk_cases,  # grid cases go their seven steps
    follow_up,  # silence is not accepted
    assign,  # free crews take what waits
)
