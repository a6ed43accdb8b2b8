"""Closed sets of words, each with its source."""

from __future__ import annotations

from enum import IntFlag, StrEnum


class Quality(IntFlag):
    """What the hub found about a reading, as bits; 0 is good. OGC leaves resultQuality open; the words are ours."""

    GOOD = 0
    RANGE = 1  # outside what the sensor can measure
    FUTURE = 2  # phenomenon_time ahead of arrival by more than the tolerated skew
    LATE = 4  # older than a reading of the same property of its device that was looked at before
    STUCK = 8  # has not changed for longer than the thing it measures can stand still
    RATE = 16  # changed faster than the thing it measures can


class Reason(StrEnum):
    """Why the hub did not store a reading or a message."""

    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_PROPERTY = "unknown_property"
    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    NOT_TEXT = "not_text"
    WRONG_TOPIC = "wrong_topic"
    WRONG_SENDER = "wrong_sender"
    FAR_FUTURE = "far_future"
    SCHEMA = "schema"
    QUARANTINED = "quarantined"
    CLAIMED = "claimed"
    BAD_CODE = "bad_code"
    KIND_CONFLICT = "kind_conflict"


class AckStatus(StrEnum):
    """How far a command has come (after the OGC Tasking API's task states)."""

    SENT = "sent"
    ACCEPTED = "accepted"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"


class DeviceState(StrEnum):
    """Where a device stands in its working life (workflow W4, our stage list)."""

    PLANNED = "planned"
    CODED = "coded"
    PROVISIONED = "provisioned"
    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


class ApplicationStage(StrEnum):
    """Where an application to call data stands (apply, authorise, call: 004 Art 16; the stages are ours)."""

    APPLIED = "applied"
    GRANTED = "granted"
    REFUSED = "refused"
    REVOKED = "revoked"
    EXPIRED = "expired"


class AreaLevel(StrEnum):
    """Areas by which the city is managed, the smallest first (unit grid after GB/T 30428; divisions GB/T 2260)."""

    GRID = "grid"
    COMMUNITY = "community"
    STREET = "street"
    DISTRICT = "district"
    CITY = "city"


class Urgency(StrEnum):
    """CAP 1.2, 3.2.2."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """CAP 1.2, 3.2.2."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """CAP 1.2, 3.2.2."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


class AlertStatus(StrEnum):
    """CAP 1.2, 3.2.1. A simulation says Exercise, never Actual."""

    EXERCISE = "Exercise"
    TEST = "Test"


class CaseStep(StrEnum):
    """The seven steps of a grid case (GB/T 30428 series; domain.md 1.5)."""

    COLLECTED = "collected"  # 信息采集
    FILED = "filed"  # 案卷建立
    DISPATCHED = "dispatched"  # 任务派遣
    HANDLING = "handling"  # 任务处理
    FED_BACK = "fed_back"  # 处理反馈
    CLOSED = "closed"  # 核查结案
    EVALUATED = "evaluated"  # 综合评价


class TaskStage(StrEnum):
    """Life of a task that a department carries out."""

    ORDERED = "ordered"  # decided by the brain, not yet with the department
    SUBMITTED = "submitted"  # the department's system has it
    ACCEPTED = "accepted"  # a crew has taken it
    EN_ROUTE = "en_route"
    ON_SITE = "on_site"
    DONE = "done"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
