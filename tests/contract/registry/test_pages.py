"""Lists of large things on either database: a page ends early, and no more is read than is in it."""

import pytest

from services.registry.__main__ import wire
from services.registry.storage import applications, compute_resources, deployments, group_resource_profiles
from vahana.registry.v1 import application_pb2, compute_resource_pb2, group_resource_profile_pb2

LARGEST = 2 * 1024 * 1024
MANY = 15
"""Things of some 200 KB: more than fit into a page."""


@pytest.fixture
def registry(serve, database_url):
    return serve(wire, database_url=database_url, profile_address="127.0.0.1:1")


@pytest.fixture
def read(monkeypatch):
    """How many rows were made into what they stand for, by the modules they are of."""
    counts = {}

    def count(module, function):
        plain = getattr(module, function)

        def counted(*args):
            counts[module.__name__.rpartition(".")[2]] = counts.get(module.__name__.rpartition(".")[2], 0) + 1
            return plain(*args)

        monkeypatch.setattr(module, function, counted)

    count(compute_resources, "_resource")
    count(deployments, "_deployment")
    count(applications, "_interface")
    count(group_resource_profiles, "_grant")
    return counts


def pages(ask, field):
    """All pages, as lists of what is on them."""
    found, token = [], ""
    while True:
        page = ask(token)
        assert page.ByteSize() < 1.2 * LARGEST
        found.append(list(getattr(page, field)))
        token = page.next_page_token
        if not token:
            return found


def check(found, read, rows):
    """They are several pages, whole and in order, and each row was read once."""
    names = [getattr(one, "name", "") or one.module.version for page in found for one in page]
    assert names == sorted(names)
    assert len(names) == len(set(names)) == MANY
    assert 1 < len(found) < MANY / 4
    assert read == rows


def test_hosts(hosts, host, read):
    queues = [{"name": f"q{number}", "description": "x" * 1000} for number in range(190)]
    for number in range(MANY):
        sent = host(name=f"host{number:02}", job_manager=2, batch_queues=queues)
        hosts("admin").CreateComputeResource(compute_resource_pb2.CreateComputeResourceRequest(compute_resource=sent))
    read.clear()
    request = compute_resource_pb2.ListComputeResourcesRequest
    stub = hosts("user")
    found = pages(
        lambda token: stub.ListComputeResources(request(page_size=1000, page_token=token)), "compute_resources"
    )
    check(found, read, {"compute_resources": MANY})


def test_group_resource_profiles(profiles, registered, heard_of, read):
    heard_of("chemists")
    grants = [
        {"compute_resource": "cluster", "allocations": [f"{number:03}-{other}" + "x" * 290 for other in range(100)]}
        for number in range(7)
    ]
    for number in range(MANY):
        sent = {"name": f"profile{number:02}", "groups": ["chemists"], "grants": grants}
        request = group_resource_profile_pb2.CreateGroupResourceProfileRequest(group_resource_profile=sent)
        profiles("admin").CreateGroupResourceProfile(request)
    read.clear()
    request, stub = group_resource_profile_pb2.ListGroupResourceProfilesRequest, profiles("user")
    found = pages(
        lambda token: stub.ListGroupResourceProfiles(request(page_size=1000, page_token=token)),
        "group_resource_profiles",
    )
    check(found, read, {"group_resource_profiles": MANY * len(grants)})


def test_applications(apps, registered, interface, deployment, read):
    for number in range(1, MANY):
        module = {"name": "bowtie2", "version": f"3.{number:02}"}
        registered.CreateApplicationModule(application_pb2.CreateApplicationModuleRequest(module=module))
        registered.CreateApplicationInterface(
            application_pb2.CreateApplicationInterfaceRequest(**module, interface=interface)
        )
        wide = deployment(arguments=["x" * 900] * 240)
        registered.CreateApplicationDeployment(
            application_pb2.CreateApplicationDeploymentRequest(**module, deployment=wide)
        )
    read.clear()
    request, stub = application_pb2.ListApplicationsRequest, apps("user")
    found = pages(lambda token: stub.ListApplications(request(page_size=1000, page_token=token)), "applications")
    check(found, read, {"applications": MANY, "deployments": MANY - 1})
