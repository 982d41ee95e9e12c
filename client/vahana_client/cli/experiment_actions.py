"""What the experiment commands do with a mesh."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import grpc

from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.registry.v1 import application_pb2
from vahana_client import files
from vahana_client.cli.errors import BadInputError, CommandError
from vahana_client.cli.experiment_file import Types, prepare, read_experiment
from vahana_client.connection import Connection, new_request_id


def create(connection: Connection, path: Path) -> pb.Experiment:
    """Reads an experiment's file, sends the files it names that the mesh does not have, and creates it."""
    file = read_experiment(path)
    prepared = prepare(file, _input_types(connection, file.spec))
    for local, reference in prepared.uploads:
        files.upload(connection, local, reference)
    request = pb.CreateExperimentRequest(spec=prepared.spec, request_id=new_request_id())
    return connection.experiments.CreateExperiment(request).experiment


def launch(connection: Connection, experiment_id: str) -> pb.Experiment:
    """Launches an experiment, once in effect."""
    request = pb.LaunchExperimentRequest(experiment_id=experiment_id, request_id=new_request_id())
    return connection.experiments.LaunchExperiment(request).experiment


def download_outputs(
    connection: Connection, experiment_id: str, outputs: Iterable[task_pb2.StoredFile], directory: Path
) -> dict[str, Path]:
    """Writes outputs into a directory and returns their paths by name."""
    try:
        paths = _places(outputs, directory)
        for name, path in paths.items():
            files.download(connection, experiment_id, name, path)
        return paths
    except OSError as error:
        raise BadInputError(f"cannot write into {directory}: {error.strerror}") from error
    except files.FileChangedError as error:
        raise CommandError(str(error)) from error


def _places(outputs: Iterable[task_pb2.StoredFile], directory: Path) -> dict[str, Path]:
    """Each output's own file in the directory, and nowhere else, whatever the mesh says; by the outputs' names."""
    places: dict[str, Path] = {}
    for one in outputs:
        output = Path(one.name).name
        name = Path(one.file_name).name or output
        taken = directory / name in places.values()
        places[one.name] = directory / (f"{output}-{name}" if taken or name == ".." else name)
    return places


def print_log(connection: Connection, experiment_id: str, *, stderr: bool) -> None:
    """Copies what the job wrote to standard output, or standard error, to our standard output."""
    experiment = connection.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id=experiment_id)).experiment
    for chunk in files.read_output(
        connection, experiment_id, _stream_output(connection, experiment.spec, stderr=stderr)
    ):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _stream_output(connection: Connection, spec: pb.ExperimentSpec, *, stderr: bool) -> str:
    """Returns the name of the output that holds a stream: the one the application declares, or the one every experiment
    has."""
    wanted = application_pb2.DATA_TYPE_STDERR if stderr else application_pb2.DATA_TYPE_STDOUT
    for output in _application(connection, spec).interface.outputs:
        if output.type == wanted:
            return output.name
    return "stderr" if stderr else "stdout"


def _input_types(connection: Connection, spec: pb.ExperimentSpec) -> Types | None:
    """Returns the types of an application's inputs. None for an unknown application: the experiment service then
    refuses the experiment, naming whatever else is wrong with it too."""
    try:
        application = _application(connection, spec)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return None
        raise
    return {one.name: one.type for one in application.interface.inputs}


def _application(connection: Connection, spec: pb.ExperimentSpec) -> application_pb2.Application:
    request = application_pb2.GetApplicationRequest(name=spec.application, version=spec.application_version)
    return connection.applications.GetApplication(request).application
