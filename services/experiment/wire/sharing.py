"""What is shared and with whom, from and to its messages."""

from __future__ import annotations

from services.chassis.clock import to_timestamp
from services.experiment.domain.access import Principal, Share, Shared, SharedKind
from vahana.experiment.v1 import sharing_pb2 as pb


def shared(message: pb.EntityName) -> Shared:
    """The project or experiment it names."""
    if message.WhichOneof("entity") == "project":
        return Shared(SharedKind.PROJECT, message.project)
    return Shared(SharedKind.EXPERIMENT, message.experiment_id)


def share(row: Share) -> pb.Share:
    """A share."""
    return pb.Share(
        entity=_entity(row.shared),
        grantee=_grantee(row.principal),
        permission=row.permission.value,  # type: ignore[arg-type]
        granter=row.granter,
        create_time=to_timestamp(row.create_time),
    )


def _entity(row: Shared) -> pb.EntityName:
    if row.kind is SharedKind.PROJECT:
        return pb.EntityName(project=row.name)
    return pb.EntityName(experiment_id=row.name)


def _grantee(row: Principal) -> pb.Grantee:
    return pb.Grantee(group=row.group) if row.group else pb.Grantee(user=row.user)
