"""Application modules and interfaces in the database, and whole applications."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy import update as update_table

from services.chassis.db import Tx, insert_ignore
from services.chassis.fitting import Page, cut, stored_bytes
from services.registry.domain.applications import Application, Module
from services.registry.domain.interfaces import Input, Interface, Output
from services.registry.domain.values import DataType
from services.registry.schema import application_interface as interfaces
from services.registry.schema import application_module as modules
from services.registry.storage import deployments


def insert_module(tx: Tx, tenant: str, module: Module) -> bool:
    """Store a new module; False where its name and version are taken."""
    return insert_ignore(tx, modules, [{"tenant": tenant, **asdict(module)}]) == 1


def insert_interface(tx: Tx, tenant: str, name: str, version: str, interface: Interface, *, now_us: int) -> bool:
    """Give a stored module its interface; False where it has one."""
    row = {"tenant": tenant, "name": name, "version": version, "create_time_us": now_us, **asdict(interface)}
    return insert_ignore(tx, interfaces, [row]) == 1


def find(tx: Tx, tenant: str, name: str, version: str, *, lock: bool = False) -> Application | None:
    """The application of that name and version; with `lock` nobody else changes its module or gives it an interface
    before the transaction ends."""
    same = (modules.c.tenant == tenant, modules.c.name == name, modules.c.version == version)
    if lock:
        # A statement of its own: one that waited for the lock would still join what there was before.
        tx.execute(select(modules.c.name).where(*same).with_for_update())
    found = _whole(tx, tenant, tx.execute(_joined(tenant).where(*same)).all())
    return found[0] if found else None


def latest(tx: Tx, tenant: str, name: str) -> Application | None:
    """The application of that name that was registered last, retired ones aside."""
    query = _joined(tenant).where(modules.c.name == name, modules.c.retired.is_(False))
    newest = query.order_by(modules.c.create_time_us.desc(), modules.c.version.desc()).limit(1)
    found = _whole(tx, tenant, tx.execute(newest).all())
    return found[0] if found else None


def update_module(tx: Tx, tenant: str, module: Module) -> None:
    """Put a module in the place of the one of its name and version."""
    same = (modules.c.tenant == tenant, modules.c.name == module.name, modules.c.version == module.version)
    tx.execute(update_table(modules).where(*same).values(asdict(module)))


def page(tx: Tx, tenant: str, after: tuple[str, str], limit: int) -> Page[Application]:
    """A page of the applications whose (name, version) comes after `after`, in that order."""
    key, order = tuple_(modules.c.name, modules.c.version), (modules.c.name, modules.c.version)
    joined = _joined(tenant).order_by(*order)
    size = stored_bytes(*modules.c, interfaces.c.inputs, interfaces.c.outputs) + deployments.bytes_of(modules)
    sized = joined.with_only_columns(*order, size.label("size"), maintain_column_froms=True)
    rows = tx.execute(sized.where(key > tuple_(*after)).limit(limit + 1)).all()
    found = cut([(row.name, row.version) for row in rows], [row.size for row in rows], limit)
    return Page(_whole(tx, tenant, tx.execute(joined.where(key.in_(found.items))).all()), found.more)


def _joined(tenant: str) -> Select[Any]:
    same = (
        (interfaces.c.tenant == modules.c.tenant)
        & (interfaces.c.name == modules.c.name)
        & (interfaces.c.version == modules.c.version)
    )
    columns = [column for column in modules.c if column.name != "tenant"]
    joined = select(*columns, interfaces.c.inputs, interfaces.c.outputs).outerjoin_from(modules, interfaces, same)
    return joined.where(modules.c.tenant == tenant)


def _whole(tx: Tx, tenant: str, rows: Sequence[Row[Any]]) -> list[Application]:
    keys = [(row.name, row.version) for row in rows]
    of = deployments.of_modules(tx, tenant, keys)
    return [
        Application(
            Module(row.name, row.version, row.description, row.retired, row.create_time_us, row.revision),
            None if row.inputs is None else _interface(row.inputs, row.outputs),
            tuple(of.get((row.name, row.version), ())),
        )
        for row in rows
    ]


def _interface(inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> Interface:
    return Interface(
        tuple(Input(**one | {"type": DataType(one["type"]), "choices": tuple(one["choices"])}) for one in inputs),
        tuple(Output(**one | {"type": DataType(one["type"])}) for one in outputs),
    )
