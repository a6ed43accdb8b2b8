"""What one person looks at: language, selected incident, chosen curves, and the seat they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from brain.console.words import Words, words
from brain.views import IncidentView, Situation


@dataclass(slots=True)
class Look:
    """One tab's view of the city.

    Attributes:
        incident: id of the selected incident; empty: the whole city.
        curve: property -> how many curves on from the first that fits.
        seat, role: who is signed in; empty: nobody.
    """

    lang: str = "zh"
    incident: str = ""
    curve: dict[str, int] = field(default_factory=dict)
    seat: str = ""
    role: str = ""

    @property
    def words(self) -> Words:
        """The words of the chosen language."""
        return words(self.lang)

    def selected(self, situation: Situation) -> IncidentView | None:
        """The incident that is looked at; None if there is none, or no such."""
        return next((each for each in situation.incidents if each.id == self.incident), None)
