"""The page itself: one HTML file without anything from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from scenarios.outcome import ExpectationOutcome, IncidentOutcome, LedgerTotals, Outcome

LEVELS = ("I", "II", "III", "IV")

_STYLE = """
:root { color-scheme: light; --ink: #1b2433; --second: #5b6b84; --line: #c9d3e2; --bad: #c62f36; --ground: #f5f7fb; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.5rem 4rem; color: var(--ink); background: var(--ground);
  font: 16px/1.5 "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p.lead, .second { color: var(--second); } section { break-inside: avoid; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--second); font-weight: 500; } td.number, th.number { text-align: right; }
.verdict { display: inline-block; padding: .15rem .6rem; border: 1px solid var(--line); }
.failed { color: var(--bad); font-weight: 600; } figure { margin: 0; background: #fff; border: 1px solid var(--line);
  padding: .6rem; } figcaption { color: var(--second); font-size: .875rem; } svg { width: 100%; height: auto; }
code { overflow-wrap: anywhere; font-size: .85em; }
@media print { body { background: #fff; max-width: none; } }
"""


def page(
    outcome: Outcome,
    *,
    titles: tuple[str, str],
    figures: Sequence[tuple[str, str]],
    names: Mapping[str, str],
) -> str:
    """The report of one run.

    Args:
        outcome: what came of it.
        titles: of the scenario, Chinese and English.
        figures: caption and ``<svg>`` of each picture, in order.
        names: words for ids that occur in the tables (departments, steps).
    """
    zh, en = titles
    held = sum(expectation.held for expectation in outcome.expectations)
    mood, mark = ("", "✓") if outcome.held else (" failed", "✗")
    verdict = f"{mark} {held} of {len(outcome.expectations)} expectations held"
    parts = [
        f'<h1>{escape(zh)} <span class="second">{escape(en)}</span></h1>',
        f'<p class="lead">{escape(outcome.city)} · seed {outcome.seed} · bus {escape(outcome.bus)} · from '
        f"{escape(outcome.starts)} for {outcome.simulated_s / 3600:g} h · {outcome.devices:,} devices</p>",
        f'<p><span class="verdict{mood}">{verdict}</span></p>',
        *(_incident(incident, names) for incident in outcome.incidents),
        *(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for caption, svg in figures),
        _expectations(outcome.expectations),
        _ledger(outcome.ledger),
        _measures(outcome),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="zh-CN">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(zh)} · {escape(en)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: frozenset[int] = frozenset()) -> str:
    def cell(tag: str, index: int, text: str) -> str:
        return f"<{tag}{' class=number' if index in numbers else ''}>{escape(text)}</{tag}>"

    lines = ["<tr>" + "".join(cell("th", i, text) for i, text in enumerate(head)) + "</tr>"]
    lines += ["<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>" for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"


def _since(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


def _incident(incident: IncidentOutcome, names: Mapping[str, str]) -> str:
    level = "–" if incident.level is None else LEVELS[incident.level - 1]
    rows = [
        [
            names.get(task.step, task.step),
            names.get(task.department, task.department),
            task.duty,
            task.stage,
            str(task.attempt),
            _since(None if task.arrived is None else (task.arrived - task.ordered) / 1000),
            _since(None if task.done is None else (task.done - task.ordered) / 1000),
        ]
        for task in incident.tasks
    ]
    record = [
        [name, f"{value:,.4g}" if isinstance(value, float) else str(value)] for name, value in incident.record.items()
    ]
    return (
        f"<section><h2>{escape(names.get(incident.type, incident.type))} · level {level}</h2>"
        f"<p>Detected {_since(incident.detected_s)}, confirmed {_since(incident.confirmed_s)}, plan "
        f"{escape(incident.plan or '–')} activated {_since(incident.activated_s)}, closed {_since(incident.closed_s)} "
        '<span class="second">(hours:minutes since the scenario began)</span></p>'
        + _table(
            ["step", "department", "duty", "stage", "attempt", "to arrival", "to done"],
            rows,
            numbers=frozenset({4, 5, 6}),
        )
        + (f"<h2>After-action record</h2>{_table(['value', ''], record, numbers=frozenset({1}))}" if record else "")
        + "</section>"
    )


def _expectations(judged: Sequence[ExpectationOutcome]) -> str:
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{escape(text)}</td>" for text in (item.name, item.expected, _shown(item.actual)))
        + ("<td>✓ held</td></tr>" if item.held else '<td class="failed">✗ failed</td></tr>')
        for item in judged
    )
    head = "<tr><th>value</th><th>expected</th><th>actual</th><th></th></tr>"
    return f"<section><h2>Expectations</h2><table>{head}{rows}</table></section>"


def _shown(value: float | str | bool | None) -> str:
    return f"{value:,.5g}" if isinstance(value, float) else str(value)


def _ledger(ledger: LedgerTotals) -> str:
    right = "closes" if ledger.closes else "DOES NOT CLOSE"
    rows = [
        [
            "at the devices",
            f"published {ledger.published:,}",
            f"= stored {ledger.stored:,} + rejected {ledger.rejected:,} + in flight {ledger.in_flight:,}",
        ],
        [
            "at the hub's door",
            f"received {ledger.received:,}",
            f"= stored {ledger.stored:,} + rejected {ledger.rejected:,} + duplicate {ledger.duplicate:,}"
            f" + unattributed {ledger.unattributed:,}",
        ],
        *([f"rejected: {reason}", f"{count:,}", ""] for reason, count in sorted(ledger.by_reason.items())),
    ]
    return f"<section><h2>Ledger: {right}</h2>{_table(['where', 'readings', ''], rows)}</section>"


def _measures(outcome: Outcome) -> str:
    cases = [[f"cases {name}", f"{count:,}"] for name, count in outcome.cases.items()]
    kpis = [[name, f"{value:,.5g}"] for name, value in outcome.kpis.items()]
    made = outcome.manifest
    return (
        f"<section><h2>Figures</h2>{_table(['name', 'value'], cases + kpis, numbers=frozenset({1}))}</section>"
        f'<section><h2>Manifest</h2><p class="second">digest <code>{outcome.digest}</code><br>'
        f"city <code>{made.city_hash}</code><br>"
        f"{escape(f'citybrain {made.version} · Python {made.python} · {made.platform}')}<br>"
        f"{escape(made.constraints)}</p></section>"
    )
