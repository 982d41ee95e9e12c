"""One sound request for every RPC, naming things of the tenant "default", and what another tenant is told.

"$name" stands for what the seeding found out. The order matters: each request is made by its owner too, later ones may
need what earlier ones left, and what ends things comes last.
"""

from __future__ import annotations

from typing import Any

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIaWqFhSWtCLWmnQxCx3ctKn1ZLkZ9B3OSTnMJzIRQZo"
HOST = {
    "name": "seed-host",
    "address": "127.0.0.1",
    "port": 1,
    "host_keys": [HOST_KEY],
    "login": "ada",
    "credential_id": "$credential",
    "scratch": "/scratch",
    "job_manager": "JOB_MANAGER_FORK",
}
INTERFACE = {"inputs": [{"name": "seed_text", "type": "DATA_TYPE_STRING", "required": True, "on_command_line": True}]}
DEPLOYMENT = {"compute_resource": "seed-host", "executable": "/bin/echo"}
APPLICATION = {"name": "seed-app", "version": "1.0"}
SPEC = {
    "name": "seed experiment",
    "project": "seed-project",
    "application": "seed-app",
    "application_version": "1.0",
    "compute_resource": "seed-host",
    "inputs": [{"name": "seed_text", "value": "hello"}],
}
GRANTS = {"name": "seed-policy", "groups": ["seed-group"], "grants": [{"compute_resource": "seed-host"}]}
PROVIDER = {
    "name": "seed-provider",
    "issuer": "https://issuer.example.org",
    "audience": "vahana",
    "jwks_uri": "https://id.invalid/jwks",
}
EXPERIMENT = {"experiment_id": "$experiment"}
ENTITY = {"project": "seed-project"}
MEMBER = {"group": "seed-group", "user": "seed-user"}
SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of "hello"
STORE = {"type": "STORAGE_TYPE_S3", "location": "s3://seed-bucket/x"}
TARGET = {"compute_resource": "seed-host", "job_manager": "JOB_MANAGER_FORK", "scratch": "/scratch"}


def masked(*paths: str) -> dict[str, Any]:
    """An update mask in JSON."""
    return {"update_mask": ",".join(paths)}


REPORT = {
    "id": "seed-report",
    "tenant": "default",
    "source": "executor",
    "aggregate_id": "$process",
    "status_changed": {
        "experiment_id": "$launched",
        "process_id": "$process",
        "task_id": "stage-out-stdout",
        "attempt": 1,
        "seq": 1,
        "source": "executor",
        "task_type": "TASK_TYPE_DATA_STAGING_OUT",
        "task_state": "TASK_STATE_COMPLETED",
        "file": {"name": "stdout", "file_name": "seed-out.txt", "sha256": SHA256, "size": 5},
    },
}

SEEDING: tuple[tuple[str, str, dict[str, str], Any], ...] = (
    ("CreateTenant", "admin", {}, {"name": "other"}),
    ("CreateCredential", "admin", {"credential": "credential.credential_id"}, {"name": "seed-key"}),
    ("GetPublicKey", "executor", {"public_key": "public_key"}, {"credential_id": "$credential"}),
    ("CreateUser", "admin", {}, {"name": "seed-user"}),
    ("CreateUser", "admin", {}, {"name": "ada"}),
    ("CreateGroup", "admin", {}, {"name": "seed-group"}),
    ("AddGroupMember", "admin", {}, MEMBER),
    ("CreateApiToken", "admin", {"token": "api_token.token_id"}, {"name": "seed-token", "user": "seed-user"}),
    ("CreateIdentityProvider", "admin", {}, {"identity_provider": PROVIDER}),
    ("CreateComputeResource", "admin", {}, {"compute_resource": HOST}),
    ("CreateStorageResource", "admin", {}, {"storage_resource": {**STORE, "name": "seed-store"}}),
    ("CreateApplicationModule", "admin", {}, {"module": APPLICATION}),
    ("CreateApplicationInterface", "admin", {}, {**APPLICATION, "interface": INTERFACE}),
    ("CreateApplicationDeployment", "admin", {}, {**APPLICATION, "deployment": DEPLOYMENT}),
    ("CreateGroupResourceProfile", "admin", {}, {"group_resource_profile": GRANTS}),
    ("CreateProject", "admin", {}, {"project": {"name": "seed-project"}}),
    ("CreateExperiment", "admin", {"experiment": "experiment.experiment_id"}, {"spec": SPEC}),
    ("CreateExperiment", "admin", {"launched": "experiment.experiment_id"}, {"spec": SPEC}),
    ("LaunchExperiment", "admin", {"process": "experiment.process_id"}, {"experiment_id": "$launched"}),
    ("PlaceHold", "admin", {"hold": "hold.hold_id"}, {"compute_resource": "seed-held"}),
    ("WriteFile", "executor", {}, [{"chunk": "aGVsbG8="}, {"trailer": {"sha256": SHA256, "size": 5}}]),
    ("PersistEvents", "eventsink", {}, {"events": [REPORT]}),
)
"""What there is before strangers ask: the request, who makes it, and the placeholders its answer fills."""

HOLDERS = {
    "SignSshChallenge": "executor",
    "GetPublicKey": "executor",
    "ExportEntities": "experiment",
    "FindEntities": "experiment",
    "GetPlan": "scheduler",
    "PersistEvents": "eventsink",
    "ReadFile": "executor",
    "WriteFile": "executor",
    "RenderJobScript": "experiment",
    "ExplainRun": "experiment",
    "ExplainClaims": "experiment",
}
"""Who may call what the administrator of "default" may not."""

OK, NOT_FOUND, DENIED = "OK", "NOT_FOUND", "PERMISSION_DENIED"
"""What a stranger is told: OK of something of the stranger's own."""

REQUESTS: tuple[tuple[str, str, Any], ...] = (
    # profile
    ("GetTenant", NOT_FOUND, {"name": "default"}),
    ("ListTenants", OK, {}),
    ("CreateTenant", DENIED, {"name": "fresh-tenant"}),
    ("UpdateTenant", NOT_FOUND, {"name": "default", "display_name": "x", **masked("displayName")}),
    ("GetUser", NOT_FOUND, {"name": "seed-user"}),
    ("ListUsers", OK, {}),
    ("CreateUser", OK, {"name": "fresh-user"}),
    ("UpdateUser", NOT_FOUND, {"name": "seed-user", "display_name": "x", **masked("displayName")}),
    ("CreateGroup", OK, {"name": "fresh-group"}),
    ("GetGroup", NOT_FOUND, {"name": "seed-group"}),
    ("ListGroups", OK, {}),
    ("UpdateGroup", NOT_FOUND, {"name": "seed-group", "display_name": "x", **masked("displayName")}),
    ("AddGroupMember", NOT_FOUND, MEMBER),
    ("ListGroupMembers", NOT_FOUND, {"group": "seed-group"}),
    ("CreateCredential", OK, {"name": "fresh-key"}),
    ("GetCredential", NOT_FOUND, {"credential": "$credential"}),
    ("ListCredentials", OK, {}),
    ("ListCredentialUses", OK, {}),
    ("CreateApiToken", NOT_FOUND, {"name": "fresh-token", "user": "seed-user"}),
    ("GetApiToken", NOT_FOUND, {"token_id": "$token"}),
    ("ListApiTokens", OK, {"all_users": True}),
    ("ExchangeToken", OK, {}),
    ("GetCaller", OK, {}),
    ("ListSigningKeys", OK, {}),
    ("CreateIdentityProvider", OK, {"identity_provider": {**PROVIDER, "name": "fresh-provider", "audience": "$who"}}),
    ("GetIdentityProvider", NOT_FOUND, {"name": "seed-provider"}),
    ("ListIdentityProviders", OK, {}),
    (
        "UpdateIdentityProvider",
        NOT_FOUND,
        {"identity_provider": {"name": "seed-provider", "disabled": True}, **masked("disabled")},
    ),
    # registry
    ("CreateComputeResource", OK, {"compute_resource": {**HOST, "name": "fresh-host", "credential_id": "cred-fresh"}}),
    ("GetComputeResource", NOT_FOUND, {"name": "seed-host"}),
    ("ListComputeResources", OK, {}),
    (
        "UpdateComputeResource",
        NOT_FOUND,
        {"compute_resource": {"name": "seed-host", "description": "x"}, **masked("description")},
    ),
    (
        "CreateStorageResource",
        OK,
        {"storage_resource": {**STORE, "name": "fresh-store", "location": "s3://fresh-bucket/x"}},
    ),
    ("GetStorageResource", NOT_FOUND, {"name": "seed-store"}),
    ("ListStorageResources", OK, {}),
    (
        "UpdateStorageResource",
        NOT_FOUND,
        {"storage_resource": {"name": "seed-store", "description": "x"}, **masked("description")},
    ),
    ("CreateApplicationModule", OK, {"module": {"name": "seed-app", "version": "2.0"}}),
    ("CreateApplicationInterface", NOT_FOUND, {**APPLICATION, "interface": INTERFACE}),
    ("CreateApplicationDeployment", NOT_FOUND, {**APPLICATION, "deployment": DEPLOYMENT}),
    ("GetApplication", NOT_FOUND, APPLICATION),
    ("ListApplications", OK, {}),
    ("UpdateApplicationModule", NOT_FOUND, {"module": {**APPLICATION, "description": "x"}, **masked("description")}),
    (
        "UpdateApplicationDeployment",
        NOT_FOUND,
        {**APPLICATION, "deployment": {**DEPLOYMENT, "rerun_safe": True}, **masked("rerunSafe")},
    ),
    (
        "CreateGroupResourceProfile",
        "INVALID_ARGUMENT",
        {"group_resource_profile": {**GRANTS, "name": "fresh-policy"}},
    ),
    ("GetGroupResourceProfile", NOT_FOUND, {"name": "seed-policy"}),
    ("ListGroupResourceProfiles", OK, {}),
    (
        "UpdateGroupResourceProfile",
        NOT_FOUND,
        {"group_resource_profile": {"name": "seed-policy", "description": "x"}, **masked("description")},
    ),
    # experiment
    ("CreateProject", OK, {"project": {"name": "fresh-project"}}),
    ("GetProject", NOT_FOUND, {"name": "seed-project"}),
    ("ListProjects", OK, {}),
    ("UpdateProject", NOT_FOUND, {"name": "seed-project", "description": "x", **masked("description")}),
    ("CreateExperiment", "INVALID_ARGUMENT", {"spec": SPEC}),
    ("UpdateExperiment", NOT_FOUND, {**EXPERIMENT, "spec": {"tags": ["seed"]}, **masked("tags")}),
    ("CloneExperiment", NOT_FOUND, EXPERIMENT),
    ("ValidateExperiment", NOT_FOUND, EXPERIMENT),
    ("LaunchExperiment", NOT_FOUND, EXPERIMENT),
    ("GetExperiment", NOT_FOUND, EXPERIMENT),
    ("ListExperiments", OK, {"project": "seed-project"}),
    ("WatchExperiment", NOT_FOUND, EXPERIMENT),
    ("ListExperimentEvents", NOT_FOUND, {"experiment_id": "$launched"}),
    ("CheckHistory", NOT_FOUND, {"experiment_id": "$launched"}),
    ("ExplainExperiment", NOT_FOUND, EXPERIMENT),
    ("ListOutputs", NOT_FOUND, {"experiment_id": "$launched"}),
    ("PauseExperiment", NOT_FOUND, EXPERIMENT),
    ("ResumeExperiment", NOT_FOUND, EXPERIMENT),
    ("CancelExperiment", NOT_FOUND, EXPERIMENT),
    ("RelaunchExperiment", NOT_FOUND, EXPERIMENT),
    ("ShareEntity", NOT_FOUND, {"entity": ENTITY, "grantee": {"user": "seed-user"}, "permission": "PERMISSION_READ"}),
    ("ListShares", NOT_FOUND, {"entity": ENTITY}),
    ("UnshareEntity", NOT_FOUND, {"entity": ENTITY, "grantee": {"user": "seed-user"}}),
    ("UploadFile", OK, [{"header": {"sha256": SHA256, "size": 5}}, {"chunk": "aGVsbG8="}]),
    ("StatFile", OK, {"sha256": SHA256}),
    ("DownloadOutput", NOT_FOUND, {"experiment_id": "$launched", "output": "stdout"}),
    ("ListCopies", DENIED, {}),
    ("RebuildCopies", DENIED, {"owner": "profile"}),
    # all that consume messages
    ("ListParkedMessages", DENIED, {}),
    ("UnparkMessage", DENIED, {"parked_id": "none"}),
    ("DiscardMessage", DENIED, {"parked_id": "none"}),
    # scheduler and executor
    ("GetRun", NOT_FOUND, {"process_id": "$process"}),
    ("ListRuns", OK, {}),
    ("PlaceHold", OK, {"compute_resource": "fresh-host", "comment": "moved"}),
    ("ListHolds", OK, {}),
    ("ListClaims", OK, {}),
    ("ListHosts", DENIED, {}),
    ("CheckComputeResource", NOT_FOUND, {"compute_resource": "seed-host"}),
    # between services
    ("SignSshChallenge", DENIED, {"credential_id": "$credential", "login": "ada", "challenge": "$challenge"}),
    ("GetPublicKey", DENIED, {"credential_id": "$credential"}),
    ("ExportEntities", DENIED, {}),
    ("FindEntities", DENIED, {"kind": "ENTITY_KIND_USER", "tenant": "default", "name": "seed-user"}),
    ("GetPlan", DENIED, {"process_id": "$process"}),
    ("PersistEvents", DENIED, {"events": [REPORT]}),
    ("ReadFile", DENIED, {"sha256": SHA256}),
    ("WriteFile", DENIED, [{"chunk": "aGVsbG8="}, {"trailer": {"sha256": SHA256, "size": 5}}]),
    (
        "RenderJobScript",
        DENIED,
        {"target": TARGET, "job_submission": {"command": {"arguments": ["x"]}}, **EXPERIMENT, "task_id": "submit"},
    ),
    ("ExplainRun", DENIED, {"process_id": "$process"}),
    ("ExplainClaims", DENIED, {"process_id": "$process"}),
    # ends
    ("LiftHold", NOT_FOUND, {"hold_id": "$hold"}),
    ("RemoveGroupMember", NOT_FOUND, MEMBER),
    ("RevokeApiToken", NOT_FOUND, {"token_id": "$token"}),
    ("DeleteIdentityProvider", NOT_FOUND, {"name": "seed-provider"}),
    ("DeleteGroupResourceProfile", NOT_FOUND, {"name": "seed-policy"}),
    ("DeleteApplicationDeployment", NOT_FOUND, {**APPLICATION, "compute_resource": "seed-host"}),
    ("DeleteComputeResource", NOT_FOUND, {"name": "seed-host"}),
    ("DeleteStorageResource", NOT_FOUND, {"name": "seed-store"}),
    ("DeleteGroup", NOT_FOUND, {"name": "seed-group"}),
    ("DeleteCredential", NOT_FOUND, {"credential": "$credential"}),
)

COLLEAGUE = {
    "ListProjects": OK,
    "ListExperiments": OK,
    "CreateExperiment": "INVALID_ARGUMENT",
    "StatFile": OK,
    "ListCopies": DENIED,
    "RebuildCopies": DENIED,
    "ListParkedMessages": DENIED,
    "UnparkMessage": DENIED,
    "DiscardMessage": DENIED,
    "GetRun": DENIED,
    "ListRuns": DENIED,
    "PlaceHold": DENIED,
    "ListHolds": DENIED,
    "LiftHold": DENIED,
    "ListClaims": DENIED,
    "ListHosts": DENIED,
    "CheckComputeResource": DENIED,
}
"""What a user of the same tenant is told whom nothing is shared with; NOT_FOUND of everything else."""

KEPT_BACK = {
    "UnparkMessage": NOT_FOUND,
    "DiscardMessage": NOT_FOUND,
    "CreateApplicationInterface": "ALREADY_EXISTS",
    "CreateApplicationDeployment": "ALREADY_EXISTS",
    "RelaunchExperiment": "FAILED_PRECONDITION",
    "DeleteComputeResource": "FAILED_PRECONDITION",
}
"""What an owner is told in place of OK: the thing is there already, is still in use, or was never there."""
