"""Between what a check found and its message."""

from google.protobuf.duration_pb2 import Duration

from services.chassis import clock
from services.executor.domain.checks import Finding, Report
from vahana.event.v1 import state_pb2
from vahana.executor.v1 import executor_pb2


def report_message(compute_resource: str, report: Report, now_us: int) -> executor_pb2.ComputeResourceReport:
    """Return a report as callers see it."""
    return executor_pb2.ComputeResourceReport(
        compute_resource=compute_resource,
        passed=report.passed,
        findings=map(_finding, report.findings),
        host_key_fingerprint=report.fingerprint,
        job_manager_version=report.version,
        batch_queues=report.queues,
        scratch_free_bytes=report.scratch_free_bytes,
        clock_offset=_duration(report.clock_offset),
        login_latency=_duration(report.login_seconds),
        command_latency=_duration(report.command_seconds),
        check_time=clock.to_timestamp(now_us),
    )


def _finding(finding: Finding) -> executor_pb2.Finding:
    return executor_pb2.Finding(
        check=finding.check,
        passed=finding.passed,
        detail=finding.detail,
        condition_code=state_pb2.ConditionCode.Value(f"CONDITION_CODE_{finding.condition}"),
    )


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration
