"""Things of the tenant "default" in all services, and requests that name them."""

from __future__ import annotations

import base64
import re
import time
from typing import Any

import sqlalchemy as sa
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from tests.contract.every_rpc.requests import HOLDERS, REQUESTS, SEEDING
from tests.contract.every_rpc.rpcs import Caller, Outcome, Rpc, rpcs

PATIENCE_SECONDS = 30.0


class World:
    """A seeded mesh, and what the placeholders of requests stand for."""

    def __init__(self, mesh: dict[str, Any]) -> None:
        self.mesh = mesh
        self.found: dict[str, str] = {}
        self.answers: list[Message] = []
        self._rpcs: dict[str, list[Rpc]] = {}
        for each in rpcs():
            self._rpcs.setdefault(each.name, []).append(each)
        for name, who, found, content in SEEDING:
            outcome = self.ask(who, name, content)[0]
            assert outcome.code.name == "OK", (name, outcome)
            self.answers += outcome.responses
            for placeholder, path in found.items():
                self.found[placeholder] = _at(outcome.responses[0], path)
        self.found["challenge"] = _challenge(self.found["public_key"])
        self._carry_messages()

    def caller(self, owner: str, who: str, tenant: str = "") -> Caller:
        """Calls that service of the mesh as one of IDENTITIES; services act in `tenant`, "default" unless given."""
        named = tenant or ("default" if who in self.mesh or who == "eventsink" else "")
        caller: Caller = self.mesh[owner].stub(Caller, who, named)
        return caller

    def ask(self, who: str, name: str, content: Any, tenant: str = "") -> list[Outcome]:
        """Call every RPC of that name, of all services that have one."""
        self.found["who"] = who
        return [self.caller(rpc.owner, who, tenant).call(rpc, self.requests(rpc, content)) for rpc in self._rpcs[name]]

    def named(self, text: str) -> set[str]:
        """Names and ids of what there is in "default" that a text holds."""
        words = {word for word in re.findall(r"[\w.:/-]+", text) if "seed" in word}
        values = {value for name, value in self.found.items() if name != "who" and value in text}
        return words | values | ({"default"} if '"default"' in text else set())

    def requests(self, rpc: Rpc, content: Any) -> list[Message]:
        """The messages that a row of the table describes."""
        parts = content if isinstance(content, list) else [content]
        return [ParseDict(self.filled(part), rpc.request()) for part in parts]

    def sound(self, rpc: Rpc) -> list[Message]:
        """The request that the table has for an RPC."""
        (content,) = [content for name, _, content in REQUESTS if name == rpc.name]
        return self.requests(rpc, content)

    def rows(self, tenant: str) -> dict[str, list[str]]:
        """All that the databases hold of a tenant, by service and table; "mixed" where rows may be of any tenant."""
        return {
            f"{name}.{table.name}.{'' if 'tenant' in table.c else 'mixed'}": _rows(served.chassis.db, table, tenant)
            for name, served in self.mesh.items()
            for table in served.chassis.db.metadata.sorted_tables
        }

    def filled(self, value: Any) -> Any:
        """The value with its placeholders replaced."""
        if isinstance(value, dict):
            return {key: self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return self.found[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    def _carry_messages(self) -> None:
        """Let the launch come to the scheduler and its first task to an executor, which never begins it."""
        threads = [each for served in self.mesh.values() for each in served.chassis._threads]
        carriers = [each for each in threads if each.name == "relay" or each.name.startswith("consume-")]
        for each in carriers:
            each.start()
        until = time.monotonic() + PATIENCE_SECONDS
        while not self.ask("admin", "ListClaims", {})[0].responses[0].ByteSize():
            assert time.monotonic() < until, "no claim within the time there is"
            time.sleep(0.02)
        for served in self.mesh.values():
            served.chassis._stop.set()
        for each in carriers:
            each.join()


def holder(name: str) -> str:
    """Who of IDENTITIES may make the request that the table has for an RPC."""
    return HOLDERS.get(name, "admin")


def _challenge(public_key: str) -> str:
    """What an SSH server has a login as "ada" with this key sign: RFC 4252, section 7; as base64."""
    kind, blob = public_key.split()[:2]
    texts = [b"ada", b"ssh-connection", b"publickey", kind.encode(), base64.b64decode(blob)]
    user, service, method, algorithm, key = [len(each).to_bytes(4, "big") + each for each in texts]
    whole = (32).to_bytes(4, "big") + b"s" * 32 + b"\x32" + user + service + method + b"\1" + algorithm + key
    return base64.b64encode(whole).decode()


def _at(message: Any, path: str) -> str:
    for name in path.split("."):
        message = getattr(message, name)
    return str(message)


def _rows(db: Any, table: sa.Table, tenant: str) -> list[str]:
    query = sa.select(table)
    if "tenant" in table.c:
        query = query.where(table.c.tenant == tenant)
    with db.read() as tx:
        return sorted(repr(tuple(row)) for row in tx.execute(query))
