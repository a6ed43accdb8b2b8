"""How entities and collections are told: links, $select, $expand, $filter, $orderby, pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from datahub.api.problems import Problem
from datahub.api.sensorthings import evaluate
from datahub.api.sensorthings.grammar import Expression, names, wrong
from datahub.api.sensorthings.model import RELATIONS, Entity, EntitySet, Fields, Relation, Span, relation, shown
from datahub.api.sensorthings.options import Options
from datahub.api.sensorthings.readings import Page, Scope
from datahub.api.sensorthings.source import Source

LOOKED_AT: Final = 100_000
"""Entities that one question may look at before it is refused. Ours to choose: some seconds."""

FOLLOWED: Final = 10_000
"""Entities over a relation that a filter looks at, for each entity."""

MOST_TOLD: Final = 20_000
"""Entities that one answer tells, those within others included, and ..."""

MOST_ASKED: Final = 200
"""... times that it asks for observations. Ours to choose."""

_IDS: Final = ("id", "@iot.id")
_ARRAY: Final = ("id", "phenomenonTime", "resultTime", "result", "resultQuality")


class Answer:
    """Tells what was asked for. ``base``: address of the root, without a slash at its end."""

    def __init__(self, source: Source, base: str) -> None:
        self._source, self._base, self._now = source, base, source.now()
        self._told = self._asked = 0

    def address(self, path: str) -> str:
        """A path below the root as a whole address."""
        return f"{self._base}/{path}"

    def entity(self, entity: Entity, options: Options) -> Fields:
        """One entity, as it is wanted."""
        _check(entity.set, options)
        self._told += 1
        if self._told > MOST_TOLD:
            raise wrong(f"the answer would tell more than {MOST_TOLD} entities; expand less, or give a smaller $top")
        chosen = options.select
        told: Fields = {"@iot.id": entity.key, "@iot.selfLink": self.address(entity.path)}
        told |= {
            name: value
            for name, value in entity.fields.items()
            if (not chosen or name in chosen) and (value is not None or name == "resultTime")
        }
        expanded = {one.relation: one.options for one in options.expand}
        for to in RELATIONS[entity.set]:
            if to.name in expanded:
                told |= self._expanded(entity, to, expanded[to.name])
            elif not chosen or to.name in chosen:
                told[f"{to.name}@iot.navigationLink"] = self.address(f"{entity.path}/{to.name}")
        return told

    def _expanded(self, entity: Entity, to: Relation, options: Options) -> Fields:
        path = f"{entity.path}/{to.name}"
        if to.many:
            told = self.related(entity, to, options)
            inner: Fields = {to.name: told["value"]}
            inner |= {f"{to.name}{name}": told[name] for name in ("@iot.count", "@iot.nextLink") if name in told}
            return inner
        found = list(self._source.related(entity, to))
        if not found:
            return {f"{to.name}@iot.navigationLink": self.address(path)}
        return {to.name: self.entity(found[0], options)}

    def related(self, entity: Entity, to: Relation, options: Options, *, refs: bool = False) -> Fields:
        """Those to which a relation leads."""
        path = f"{entity.path}/{to.name}"
        if to.to is EntitySet.OBSERVATIONS:
            return self.observations(self._source.scope(entity), options, path=path, refs=refs)
        return self.collection(to.to, self._source.related(entity, to), options, path=path, refs=refs)

    def collection(
        self, entity_set: EntitySet, entities: Span, options: Options, *, path: str, refs: bool = False
    ) -> Fields:
        """A page of some entities."""
        _check(entity_set, options)
        if options.array:
            raise wrong("dataArray is for observations only")
        if options.filter is None and not options.order:
            total = len(entities)
            page = [entities.at(i) for i in range(options.skip, min(options.skip + options.top, total))]
            more = options.skip + options.top < total
        else:
            matching: Iterable[Entity] = self._matching(entities, options)
            page, total, more = [], 0, False
            for one in self._sorted(list(matching), options) if options.order else matching:
                if total >= options.skip and len(page) < options.top:
                    page.append(one)
                elif total >= options.skip:
                    more = True
                    if not options.count:
                        break
                total += 1
        return self._page(Page(page, more, total if options.count else None), options, path=path, refs=refs)

    def observations(self, scope: Scope, options: Options, *, path: str, refs: bool = False) -> Fields:
        """A page of observations."""
        _check(EntitySet.OBSERVATIONS, options)
        self._asked += 1
        if self._asked > MOST_ASKED:
            raise wrong(f"the answer would tell the observations of more than {MOST_ASKED}; give a smaller $top")
        page = self._source.readings.page(scope, options, now=self._now)
        if options.array:
            return self._array(page, options, path=path)
        return self._page(page, options, path=path, refs=refs)

    def _page(self, page: Page, options: Options, *, path: str, refs: bool) -> Fields:
        told: Fields = {} if page.total is None else {"@iot.count": page.total}
        if page.more and options.top:
            told["@iot.nextLink"] = self.address(f"{path}{'/$ref' if refs else ''}?{options.next()}")
        told["value"] = [
            {"@iot.selfLink": self.address(one.path)} if refs else self.entity(one, options) for one in page.entities
        ]
        return told

    def _array(self, page: Page, options: Options, *, path: str) -> Fields:
        """Observations as arrays, one for each datastream (clause 12)."""
        columns = [name for name in _ARRAY if not options.select or name in options.select]
        by_stream: dict[str, list[list[object]]] = {}
        to = relation(EntitySet.OBSERVATIONS, "Datastream")
        streams: dict[tuple[int, str], str] = {}
        for one in page.entities:
            if (one.device, one.says) not in streams and to is not None:
                stream = next(iter(self._source.related(one, to)), None)
                streams[one.device, one.says] = f"{stream.path if stream else one.path}"
            row = [one.key if name == "id" else one.fields[name] for name in columns]
            by_stream.setdefault(streams[one.device, one.says], []).append(row)
        told = self._page(Page([], page.more, page.total), options, path=path, refs=False)
        told["value"] = [
            {
                "Datastream@iot.navigationLink": self.address(stream),
                "components": columns,
                "dataArray@iot.count": len(rows),
                "dataArray": rows,
            }
            for stream, rows in by_stream.items()
        ]
        return told

    def _matching(self, entities: Span, options: Options) -> Iterator[Entity]:
        for i, one in enumerate(entities):
            if i >= LOOKED_AT:
                raise Problem(
                    400,
                    f"there are {len(entities)}, and a filter or an order looks at {LOOKED_AT} at most; go by a "
                    "relation first, as in Sensors('...')/Datastreams",
                )
            if options.filter is None or evaluate.holds(options.filter, partial(self._look, one), now=self._now):
                yield one

    def _sorted(self, found: list[Entity], options: Options) -> Sequence[Entity]:
        for order in reversed(options.order):
            found.sort(key=lambda one: _rank(self._values(order.by, one)), reverse=order.falling)
        return found

    def _values(self, tree: Expression, entity: Entity) -> list[object]:
        return evaluate.values(tree, partial(self._look, entity), now=self._now)

    def _look(self, entity: Entity, parts: tuple[str, ...]) -> list[object]:
        head, rest = parts[0], parts[1:]
        if head in _IDS:
            return [entity.key]
        to = relation(entity.set, head)
        if to is not None:
            others = islice(self._source.related(entity, to), FOLLOWED)
            return [value for other in others for value in self._look(other, rest)]
        value = entity.fields.get(head)
        for part in rest:
            value = value.get(part) if isinstance(value, dict) else None
        return [value]


def _rank(values: list[object]) -> tuple[int, float, str]:
    """Nothing first, then truth and numbers, then text."""
    value = values[0] if values else None
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, int | float):
        return 1, float(value), ""
    return 2, 0.0, str(value)


def _check(entity_set: EntitySet, options: Options) -> None:
    """Refuse what speaks of fields or relations that there are not."""
    for name in options.select:
        head = name.split("/")[0]
        if relation(entity_set, head) is None:
            _leads(entity_set, (head,))
    for expand in options.expand:
        to = relation(entity_set, expand.relation)
        if to is None:
            raise wrong(f"{entity_set} have no relation '{expand.relation:.40}'; they have {_relations(entity_set)}")
        _check(to.to, expand.options)
    if entity_set is EntitySet.OBSERVATIONS:
        return  # the column store says what can be asked of it
    trees = [*([options.filter] if options.filter is not None else []), *(one.by for one in options.order)]
    for parts in (parts for tree in trees for parts in names(tree)):
        _leads(entity_set, parts)


def _leads(entity_set: EntitySet, parts: tuple[str, ...]) -> None:
    head, rest = parts[0], parts[1:]
    to = relation(entity_set, head)
    if head in _IDS or head in shown(entity_set):
        return
    if to is None or not rest:
        known = ", ".join(("id", *shown(entity_set)))
        raise wrong(f"{entity_set} have no '{head:.40}'; they have {known} and lead to {_relations(entity_set)}")
    if to.to is EntitySet.OBSERVATIONS:
        raise wrong("entities are not searched by their observations; ask a datastream for those with $filter")
    _leads(to.to, rest)


def _relations(entity_set: EntitySet) -> str:
    return ", ".join(one.name for one in RELATIONS[entity_set])
