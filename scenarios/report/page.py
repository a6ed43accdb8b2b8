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
    if not outcome.expectations:
        verdict = "live: shown, not judged"
    parts = [
        f'<h1>{escape(zh)} <span class="second">{escape(en)}</span></h1>',
        f'<p class="lead">{escape(outcome.city)} · seed {outcome.seed} · bus {escape(outcome.bus)} · from '
        f"{escape(outcome.starts)} for {outcome.simulated_s / 3600:g} h · {outcome.devices:,} devices</p>",
        f'<p><span class="verdict{mood}">{verdict}</span></p>',
        *(_incident(incident, names) for incident in outcome.incidents),
        *(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for caption, svg in figures),
        *([_expectations(outcome.expectations)] if outcome.expectations else []),
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
            names.get(f"duty.{task.duty}", task.duty),
            names.get(task.stage, task.stage),
            str(task.attempt),
            _since(None if task.arrived is None else (task.arrived - task.ordered) / 1000),
            _since(None if task.done is None else (task.done - task.ordered) / 1000),
        ]
        for task in incident.tasks
    ]
    record = [
        [_recorded(name, names), _since(value) if name.endswith("_s") and isinstance(value, float) else _shown(value)]
        for name, value in incident.record.items()
    ]
    return (
        f"<section><h2>{escape(names.get(incident.type, incident.type))} · 级别 level {level}</h2>"
        f"<p>Detected {_since(incident.detected_s)}, confirmed {_since(incident.confirmed_s)}, plan "
        f"{escape(incident.plan or '–')} activated {_since(incident.activated_s)}, closed {_since(incident.closed_s)} "
        '<span class="second">(hours:minutes since the scenario began)</span></p>'
        + _table(
            [
                "步骤 step",
                "部门 department",
                "任务 duty",
                "状态 stage",
                "次 attempt",
                "到场 to arrival",
                "完成 to done",
            ],
            rows,
            numbers=frozenset({4, 5, 6}),
        )
        + (
            f"<h2>处置总结 After-action record</h2>{_table(['项目 item', ''], record, numbers=frozenset({1}))}"
            if record
            else ""
        )
        + "</section>"
    )


#: Items of the after-action record that are no step of the plan.
_RECORD = {
    "closed_s": "办结 closed after",
    "confirmed_s": "核实 confirmed after",
    "activated_s": "启动预案 plan activated after",
    "isolated_s": "关断 isolated after",
    "lost_m3": "估计漏失水量 estimated loss, at most [m³]",
    "people_without_water_peak": "停水人口峰值 people without water, at most",
    "person_hours_without_water": "停水人时 person-hours without water",
    "tasks_count": "任务 tasks",
    "tasks_done_count": "完成任务 tasks done",
    "reassigned_count": "改派 given to another crew",
    "commands_count": "设备指令 commands to devices",
    "commands_failed_count": "失败指令 commands that failed",
    "overdue_steps_count": "超时步骤 steps overdue",
    "test_rounds_count": "水质检测轮次 rounds of testing",
    "warnings_count": "预警信息 warnings",
    "people_warned": "短信告知人口 people warned by text message",
    "sms_delivered_count": "送达短信 text messages delivered",
    "failed_valves_count": "失灵阀门 valves that would not move",
    "lorry_wanted_m3": "应送水量 water wanted by lorry [m³]",
    "lorry_brought_m3": "实送水量 water brought by lorry [m³]",
    "mean_arrival_s": "平均到场 mean time to arrival",
}


def _recorded(name: str, names: Mapping[str, str]) -> str:
    return _RECORD.get(name) or names.get(name.removesuffix("_s"), name)


def _expectations(judged: Sequence[ExpectationOutcome]) -> str:
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{escape(text)}</td>" for text in (item.name, item.expected, _shown(item.actual)))
        + ("<td>✓ held</td></tr>" if item.held else '<td class="failed">✗ failed</td></tr>')
        for item in judged
    )
    head = "<tr><th>value</th><th>expected</th><th>actual</th><th></th></tr>"
    return f"<section><h2>预期 Expectations</h2><table>{head}{rows}</table></section>"


def _shown(value: float | str | bool | None) -> str:
    return _figure(value) if isinstance(value, float) else str(value)


def _figure(value: float) -> str:
    """A number as people read it: whole with thousands marked, or five digits."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.5g}"


def _ledger(ledger: LedgerTotals) -> str:
    right = "closes" if ledger.closes else "DOES NOT CLOSE"
    rows = [
        [
            "at the devices",
            f"published {ledger.published:,}",
            f"= stored {ledger.stored:,} + rejected {ledger.rejected:,} + in flight {ledger.in_flight:,}"
            + (f" + lost {ledger.lost:,}" if ledger.lost else ""),
        ],
        [
            "at the hub's door",
            f"received {ledger.received:,}",
            f"= stored {ledger.stored:,} + rejected {ledger.rejected:,} + duplicate {ledger.duplicate:,}"
            f" + unattributed {ledger.unattributed:,}",
        ],
        *([f"rejected: {reason}", f"{count:,}", ""] for reason, count in sorted(ledger.by_reason.items())),
    ]
    return f"<section><h2>数据账 Ledger: {right}</h2>{_table(['where', 'readings', ''], rows)}</section>"


def _measures(outcome: Outcome) -> str:
    cases = [[f"cases {name}", f"{count:,}"] for name, count in outcome.cases.items()]
    kpis = [[name, _figure(value)] for name, value in outcome.kpis.items()]
    made = outcome.manifest
    return (
        f"<section><h2>数值 Figures</h2>{_table(['name', 'value'], cases + kpis, numbers=frozenset({1}))}</section>"
        f'<section><h2>版本 Manifest</h2><p class="second">digest <code>{outcome.digest or "–"}</code><br>'
        f"city <code>{made.city_hash}</code><br>"
        f"{escape(f'citybrain {made.version} · Python {made.python} · {made.platform}')}<br>"
        f"{escape(made.constraints)}</p></section>"
    )
