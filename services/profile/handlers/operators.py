"""What keeps the mesh from being left without an operator, as nobody else can make one."""

from services.chassis.db import Tx
from services.chassis.errors import WrongState
from services.profile.domain.tenants import FIRST_TENANT
from services.profile.storage import tenants, users


def keep_an_operator(tx: Tx, tenant: str, name: str | None = None) -> None:
    """Raise WrongState where only the user of that name, or only users of that tenant, can log in as operators.

    The tenant is locked already. Operators are of any tenant: changes of them take turns at the first one's row.
    """
    tenants.lock(tx, FIRST_TENANT)
    if not users.another_operates(tx, tenant, name):
        who = f"tenant {tenant!r} has" if name is None else f"{name!r} is"
        raise WrongState(f"{who} the only operator of the mesh who can log in: make another one first")
