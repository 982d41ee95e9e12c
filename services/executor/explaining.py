"""What the executors say of a process's attempts that have not ended: what each waits for, and what happens next."""

from dataclasses import replace

from services.chassis import clock
from services.chassis.db import Database, now_us
from services.executor import host_storage, storage
from services.executor.backoff import give_up_at
from services.executor.changes import budget_us
from services.executor.domain.breaker import Breaker, spoken
from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.troubles import Condition
from vahana.event.v1 import state_pb2, task_pb2
from vahana.event.v1.explanation_pb2 import Explanation


class Explaining:
    """Explains claims."""

    def __init__(self, db: Database) -> None:
        """Read from `db`."""
        self._db = db

    def claims(self, tenant: str, process_id: str) -> list[Explanation]:
        """An explanation for each attempt of a process that executors have accepted and not ended."""
        with self._db.read() as tx:
            found, now, unwell = storage.open_of(tx, tenant, process_id), now_us(tx), host_storage.unwell(tx)
        return [explain(claim, now, unwell.get(claim.host)) for claim in found]


def explain(claim: Claim, now: int, host: Breaker | None = None) -> Explanation:
    """What a claim that has not ended waits for. `host`: the breaker of its host, where that is in trouble."""
    if host is not None and host.barred and claim.state == ClaimState.ACCEPTED and not claim.cancel:
        return _kept_away(claim, now, host)
    return _explain(claim, now)


def _kept_away(claim: Claim, now: int, host: Breaker) -> Explanation:
    """What a claim waits for whose host does not answer; it need not be told so yet."""
    end = give_up_at(claim.blocked_since_us or now, budget_us(claim))
    after = f"it goes on when the host answers, and fails when it has waited until {_time(end)}"
    since = claim.blocked_since_us or max(claim.created_us, host.since_us)
    return _told(replace(claim, condition=Condition.HOST_UNREACHABLE), spoken(host), since, after, host.next_probe_us)


def _explain(claim: Claim, now: int) -> Explanation:
    if claim.cancel:
        after = "it is CANCELED once nothing of it runs any more"
        return _told(claim, f"it is being ended: {claim.cancel_reason}", claim.created_us, after)
    if claim.blocked:
        end = give_up_at(claim.blocked_since_us or now, budget_us(claim))
        again = claim.next_try_us if claim.state == ClaimState.ACCEPTED else None
        after = f"it is tried again, and fails when it has waited until {_time(end)}"
        return _told(claim, claim.reason, claim.blocked_since_us or claim.created_us, after, again)
    match claim.state:
        case ClaimState.ACCEPTED if claim.next_try_us > now:
            return _told(
                claim, claim.reason or "its time has not come", claim.created_us, "it is tried again", claim.next_try_us
            )
        case ClaimState.ACCEPTED:
            lane = task_pb2.Lane.Name(claim.lane).removeprefix("LANE_").lower()  # type: ignore[arg-type]
            told = f"a free worker of the {lane} lane for {claim.host}"
            return _told(claim, told, claim.created_us, "the next free worker takes it, by turns between tenants")
        case ClaimState.CLAIMED:
            after = "it ends, or another executor takes it over when its holder falls silent"
            return _told(claim, f"{claim.holder} works on it", claim.created_us, after, claim.lease_until_us)
    job = task_pb2.Job.FromString(claim.job)
    state = state_pb2.JobState.Name(job.state)
    told = f"its job {job.job_id or job.name} on {claim.host} ({state.removeprefix('JOB_STATE_').lower()})"
    return _told(claim, told, claim.created_us, "the job is looked at again within seconds")


def _told(claim: Claim, waits_for: str, since: int, after: str, at: int | None = None) -> Explanation:
    return Explanation(
        task_id=claim.task_id,
        waits_for=waits_for,
        since=clock.to_timestamp(since),
        next=after,
        next_at=clock.to_timestamp(at) if at is not None else None,
        condition_code=state_pb2.ConditionCode.Value(f"CONDITION_CODE_{claim.waits_for}"),
    )


def _time(at: int) -> str:
    return f"{clock.to_timestamp(at).ToDatetime():%Y-%m-%d %H:%M:%S} UTC"
