"""Takes down a mesh that is known by its record alone."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from vahana_client.mesh.record import MeshRecord, ProcessRecord

STOP_SECONDS = 20.0
"""How long processes may take to end after SIGTERM."""

KEEP_LAST = ("kafka", "sshd")
"""Ended after the services, which need them to end well."""


def stop_recorded(record: MeshRecord) -> list[str]:
    """Ends the supervisor and whatever it left behind, and waits for it. Only the very processes of the record, by pid
    and start time, are touched. Returns what was done, a sentence each."""
    done = []
    # The supervisor ends its processes in two rounds before itself.
    done += _end("supervisor", [record.supervisor], 2 * STOP_SECONDS + 5)
    services = {name: one for name, one in record.processes.items() if name not in KEEP_LAST}
    servers = {name: one for name, one in record.processes.items() if name in KEEP_LAST}
    for group in (services, servers):
        done += _end(", ".join(name for name, one in group.items() if one.alive()), group.values(), STOP_SECONDS)
    return done


def _end(name: str, records: Iterable[ProcessRecord], seconds: float) -> list[str]:
    found = [process for record in records if (process := record.find()) is not None]
    if not found:
        return []
    for process in found:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(found, timeout=seconds)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=5)
    killed = f" ({len(stubborn)} had to be killed)" if stubborn else ""
    return [f"ended {name}{killed}"]


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
