"""vahana experiment, against a fake gateway."""

import hashlib
import json
from pathlib import Path

import pytest

from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana.experiment.v1 import data_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.registry.v1 import application_pb2
from vahana_client.cli.errors import ExitCode

FILE = """\
name: one
project: p
application: aligner@1.0
compute_resource: local
inputs:
  reads: data/reads.fq
  parts: [data/a.txt, data/b.txt]
  seed: 7
  strict: true
"""


@pytest.fixture
def experiment_file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("reads.fq", "a.txt", "b.txt"):
        (tmp_path / "data" / name).write_text(f"this is {name}")
    path = tmp_path / "experiment.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def mesh(gateway, refuse):
    """A gateway that knows the application, has no file yet and completes what is launched."""
    inputs = [("reads", "URI"), ("parts", "URI_COLLECTION"), ("seed", "INTEGER"), ("strict", "BOOLEAN")]
    interface = application_pb2.ApplicationInterface(
        inputs=[application_pb2.ApplicationInput(name=n, type=f"DATA_TYPE_{t}") for n, t in inputs],
        outputs=[application_pb2.ApplicationOutput(name="summary", type="DATA_TYPE_STDERR", file="s.txt")],
    )
    application = application_pb2.Application(interface=interface)
    gateway.answers |= {
        "GetApplication": lambda _: application_pb2.GetApplicationResponse(application=application),
        "StatFile": refuse("NOT_FOUND", "no such file", "NOT_FOUND"),
        "UploadFile": lambda _: data_pb2.UploadFileResponse(),
        "CreateExperiment": lambda request: pb.CreateExperimentResponse(experiment=experiment(request.spec)),
        "LaunchExperiment": lambda _: pb.LaunchExperimentResponse(experiment=experiment()),
        "GetExperiment": lambda _: pb.GetExperimentResponse(experiment=experiment()),
        "WatchExperiment": lambda _: iter([update("EXECUTING", submit="EXECUTING"), update("COMPLETED")]),
    }
    return gateway


def experiment(spec: pb.ExperimentSpec | None = None, state: str = "CREATED", reason: str = "") -> pb.Experiment:
    return pb.Experiment(experiment_id="exp-1", spec=spec, state=f"EXPERIMENT_STATE_{state}", reason=reason)


def update(state: str, reason: str = "", process: str = "EXECUTING", **tasks: str) -> pb.WatchExperimentResponse:
    return pb.WatchExperimentResponse(
        experiment=experiment(state=state, reason=reason),
        process=pb.Process(process_id="proc-1", state=f"PROCESS_STATE_{process}", reason=reason),
        tasks=[pb.Task(task_id=name, state=f"TASK_STATE_{value}", attempt=1) for name, value in tasks.items()],
    )


def test_run_sends_files_then_the_experiment(mesh, vahana, experiment_file):
    result = vahana("experiment", "run", experiment_file)
    assert result.code == ExitCode.OK, result.err
    assert result.out.splitlines()[-1] == "experiment exp-1 COMPLETED"
    (request,) = mesh.called("CreateExperiment")
    given = {one.name: one for one in request.spec.inputs}
    assert (request.spec.application, request.spec.application_version) == ("aligner", "1.0")
    assert [one.file_name for one in given["parts"].files] == ["a.txt", "b.txt"]
    assert given["reads"].files[0].sha256 == hashlib.sha256(b"this is reads.fq").hexdigest()
    assert (given["seed"].value, given["strict"].value) == ("7", "true")
    header, chunk = mesh.called("UploadFile")[0]
    assert (header.header.size, chunk.chunk) == (16, b"this is reads.fq")
    order = [name for name, _ in mesh.calls]
    assert order.index("UploadFile") < order.index("CreateExperiment") < order.index("LaunchExperiment")


def test_a_stored_file_is_not_sent_again(mesh, vahana, experiment_file):
    mesh.answers["StatFile"] = lambda _: data_pb2.StatFileResponse(size=16)
    assert vahana("experiment", "run", experiment_file).code == ExitCode.OK
    assert not mesh.called("UploadFile")


def test_missing_files_are_all_named_and_nothing_is_sent(mesh, vahana, experiment_file):
    (experiment_file.parent / "data" / "reads.fq").unlink()
    (experiment_file.parent / "data" / "b.txt").unlink()
    result = vahana("experiment", "run", experiment_file)
    assert result.code == ExitCode.BAD_INPUT
    assert "inputs.reads: there is no file" in result.err
    assert "inputs.parts: there is no file" in result.err
    assert {name for name, _ in mesh.calls} == {"GetApplication"}


def test_faults_of_the_file_are_all_named(mesh, vahana, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\nproject: p\nqueues: long\ncleanup: sometimes\n")
    result = vahana("experiment", "run", path)
    assert result.code == ExitCode.BAD_INPUT
    named = [line.split(":")[0].strip() for line in result.err.splitlines()[1:]]
    assert named == ["application", "compute_resource", "queues", "cleanup"]
    assert not mesh.calls


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_a_file_that_is_no_mapping(mesh, vahana, tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    assert vahana("experiment", "run", tmp_path / "bad.yaml").code == ExitCode.BAD_INPUT


def test_no_such_experiment_file(mesh, vahana, tmp_path):
    result = vahana("experiment", "run", tmp_path / "none.yaml")
    assert result.code == ExitCode.BAD_INPUT
    assert result.err == f"error: cannot read {tmp_path}/none.yaml: No such file or directory\n"


def test_an_unknown_application_is_refused_with_all_else_that_is_wrong(mesh, vahana, experiment_file, refuse):
    mesh.answers["GetApplication"] = refuse("NOT_FOUND", "no such application", "NOT_FOUND")
    faults = {"spec.application": "no application aligner", "spec.compute_resource": "no compute resource local"}
    mesh.answers["CreateExperiment"] = refuse("INVALID_ARGUMENT", "cannot run", "INVALID_FIELDS", faults)
    result = vahana("experiment", "run", experiment_file)
    assert result.code == ExitCode.BAD_INPUT
    assert all(f"  {name}: {fault}" in result.err for name, fault in faults.items())
    assert not mesh.called("UploadFile")


def test_a_failed_experiment(mesh, vahana):
    mesh.answers["WatchExperiment"] = lambda _: iter([update("FAILED", "task submit: exit code 3", "FAILED")])
    result = vahana("experiment", "watch", "exp-1")
    assert result.code == ExitCode.FAILED
    assert result.out.splitlines()[-1] == "experiment exp-1 FAILED: task submit: exit code 3"


def test_a_line_for_each_change_and_none_for_repeats(mesh, vahana):
    mesh.answers["WatchExperiment"] = lambda _: iter(
        [
            update("LAUNCHED", a="CREATED", b="CREATED"),
            update("EXECUTING", a="EXECUTING"),
            update("EXECUTING", a="EXECUTING"),
            update("EXECUTING", "host does not answer", "BLOCKED"),
            update("COMPLETED", process="COMPLETED", a="COMPLETED", b="COMPLETED"),
        ]
    )
    lines = [line.split(" s ", 1)[1].split() for line in vahana("experiment", "watch", "exp-1").out.splitlines()[:-1]]
    assert lines == [
        ["process", "EXECUTING"],
        ["a", "EXECUTING"],
        ["process", "BLOCKED:", "host", "does", "not", "answer"],
        ["a", "COMPLETED"],
        ["b", "COMPLETED"],
        ["process", "COMPLETED"],
    ]


def test_watching_goes_on_after_the_stream_broke(mesh, vahana, refuse):
    tries = iter(
        [
            lambda: [update("EXECUTING", a="EXECUTING")],
            lambda: refuse("UNAVAILABLE", "gone")(None),
            lambda: [update("COMPLETED", a="COMPLETED")],
        ]
    )
    mesh.answers["WatchExperiment"] = lambda _: iter(next(tries)())
    result = vahana("experiment", "watch", "exp-1")
    assert result.code == ExitCode.OK
    assert result.out.splitlines()[-1] == "experiment exp-1 COMPLETED"


def test_ctrl_c_leaves_the_experiment_running(mesh, vahana, experiment_file, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vahana_client.cli.progress.Progress.take", interrupt)
    result = vahana("experiment", "run", experiment_file)
    assert result.code == ExitCode.INTERRUPTED
    assert "vahana experiment watch exp-1" in result.err
    assert mesh.called("LaunchExperiment")


def test_json_alone_goes_to_standard_output(mesh, vahana, experiment_file):
    result = vahana("experiment", "run", experiment_file, "-o", "json")
    assert json.loads(result.out)["experiment"]["experiment_id"] == "exp-1"
    assert "submit" in result.err


def test_outputs_are_downloaded_whole(mesh, vahana, tmp_path):
    content = b"x" * 3_000_000
    stored = task_pb2.StoredFile(name="out", file_name="out.sam", sha256=hashlib.sha256(content).hexdigest())
    mesh.answers["ListOutputs"] = lambda _: pb.ListOutputsResponse(outputs=[stored])
    mesh.answers["DownloadOutput"] = lambda _: download(stored.sha256, content)
    result = vahana("experiment", "outputs", "exp-1", "--download", tmp_path / "new" / "dir", "-o", "json")
    assert result.code == ExitCode.OK, result.err
    (row,) = json.loads(result.out)
    assert Path(row["path"]).read_bytes() == content
    assert [path.name for path in (tmp_path / "new" / "dir").iterdir()] == ["out.sam"]


def test_a_download_with_another_digest_leaves_nothing(mesh, vahana, tmp_path):
    stored = task_pb2.StoredFile(name="out", file_name="../out.sam", sha256="0" * 64)
    mesh.answers["ListOutputs"] = lambda _: pb.ListOutputsResponse(outputs=[stored])
    mesh.answers["DownloadOutput"] = lambda _: download(stored.sha256, b"other bytes")
    result = vahana("experiment", "outputs", "exp-1", "--download", tmp_path / "dir")
    assert result.code == ExitCode.FAILED
    assert "another digest" in result.err
    assert not list((tmp_path / "dir").iterdir())


def download(sha256: str, content: bytes):
    yield data_pb2.DownloadOutputResponse(header=data_pb2.FileHeader(sha256=sha256, file_name="../out.sam"))
    for start in range(0, len(content), 1 << 20):
        yield data_pb2.DownloadOutputResponse(chunk=content[start : start + (1 << 20)])


@pytest.mark.parametrize(("words", "output"), [([], "stdout"), (["--stderr"], "summary")])
def test_logs_are_the_outputs_declared_for_the_streams(mesh, vahana, words, output):
    mesh.answers["DownloadOutput"] = lambda request: download("", f"bytes of {request.output}\n".encode())
    result = vahana("experiment", "logs", "exp-1", *words)
    assert result.out == f"bytes of {output}\n"


def test_events_of_all_pages(mesh, vahana):
    def page(request: pb.ListExperimentEventsRequest) -> pb.ListExperimentEventsResponse:
        number = int(request.page_token or 1)
        change = event_pb2.StatusChanged(source="executor", task_id=f"t{number}", task_state="TASK_STATE_COMPLETED")
        event = pb.HistoryEvent(position=number, change=change, applied=True)
        return pb.ListExperimentEventsResponse(events=[event], next_page_token="" if number == 3 else str(number + 1))

    mesh.answers["ListExperimentEvents"] = page
    shown = vahana("experiment", "events", "exp-1").out.splitlines()
    assert [line.split()[0] for line in shown] == ["#", "1", "2", "3"]


def test_events_are_checked_of_all_processes(mesh, vahana):
    def page(request: pb.CheckHistoryRequest) -> pb.CheckHistoryResponse:
        first = not request.page_token
        known = {"state": "PROCESS_STATE_EXECUTING"} if first else {"state": "PROCESS_STATE_FAILED", "complete": True}
        history = pb.ProcessHistory(process_id=f"proc-{2 if first else 1}", event_count=9, **known)
        return pb.CheckHistoryResponse(histories=[history], next_page_token="more" if first else "")

    mesh.answers["CheckHistory"] = page
    shown = vahana("experiment", "events", "exp-1", "--check")
    assert [line.split()[:4] for line in shown.out.splitlines()[1:]] == [
        ["proc-2", "EXECUTING", "9", "not"],
        ["proc-1", "FAILED", "9", "yes"],
    ]
    assert shown.code == ExitCode.OK


def test_a_history_that_is_not_whole_fails_the_check(mesh, vahana):
    gaps = ["the end of submit", "all that was told of cleanup"]
    history = pb.ProcessHistory(process_id="proc-1", state="PROCESS_STATE_COMPLETED", gaps=gaps)
    mesh.answers["CheckHistory"] = lambda _: pb.CheckHistoryResponse(histories=[history])
    shown = vahana("experiment", "events", "exp-1", "--check")
    assert "the end of submit; all that was told of cleanup" in shown.out
    assert shown.code == ExitCode.FAILED


def test_show_and_list(mesh, vahana):
    mesh.answers["ListExperiments"] = lambda _: pb.ListExperimentsResponse(experiments=[experiment(state="EXECUTING")])
    assert "EXECUTING" in vahana("experiment", "list").out
    whole = pb.GetExperimentResponse(
        experiment=experiment(state="EXECUTING"),
        process=pb.Process(process_id="proc-1", state="PROCESS_STATE_BLOCKED", reason="disk full"),
        tasks=[pb.Task(task_id="env-setup", state="TASK_STATE_COMPLETED", attempt=1)],
    )
    mesh.answers["GetExperiment"] = lambda _: whole
    shown = vahana("experiment", "show", "exp-1").out
    assert "disk full" in shown
    assert "env-setup" in shown


def test_an_unknown_experiment(mesh, vahana, refuse):
    mesh.answers["WatchExperiment"] = refuse("NOT_FOUND", "no experiment exp-2", "NOT_FOUND")
    result = vahana("experiment", "watch", "exp-2")
    assert (result.code, result.err) == (ExitCode.BAD_INPUT, "error: no experiment exp-2 (NOT_FOUND)\n")


def test_what_a_job_says_does_not_steer_the_terminal(mesh, vahana):
    evil = "exit 1:\x1b]0;owned\x07 \x1b[2J\r\x9b31m\ttab"
    task = pb.Task(task_id="submit", state=state_pb2.TASK_STATE_FAILED, reason=evil)
    experiment = pb.Experiment(experiment_id="exp-1", state=state_pb2.EXPERIMENT_STATE_FAILED, reason=evil)
    mesh.answers["GetExperiment"] = lambda _: pb.GetExperimentResponse(experiment=experiment, tasks=[task])
    mesh.answers["WatchExperiment"] = lambda _: iter([pb.WatchExperimentResponse(experiment=experiment, tasks=[task])])
    mesh.answers["ListExperiments"] = lambda _: pb.ListExperimentsResponse(experiments=[experiment])
    for words in (["show", "exp-1"], ["watch", "exp-1"], ["list"], ["show", "exp-1", "-o", "json"]):
        shown = vahana("experiment", *words)
        assert not {"\x1b", "\x07", "\r", "\x9b"} & set(shown.out + shown.err)
        assert "owned" in shown.out
    assert json.loads(shown.out)["experiment"]["reason"] == evil


def test_a_value_yaml_cannot_read_is_bad_input(mesh, vahana, tmp_path):
    file = tmp_path / "experiment.yaml"
    for content in ("name: 2026-13-45\n", "[" * 5000):
        file.write_text(content)
        result = vahana("experiment", "run", file)
        assert result.code == ExitCode.BAD_INPUT
        assert "is not YAML" in result.err


def test_outputs_with_one_file_name_do_not_replace_each_other(mesh, vahana, tmp_path):
    names = {"first": "a.txt", "second": "a.txt", "third": "../../a.txt", "../fourth": "", "fifth": ".."}
    outputs = [
        task_pb2.StoredFile(name=name, file_name=file, sha256=hashlib.sha256(name.encode()).hexdigest())
        for name, file in names.items()
    ]
    digests = {one.name: one.sha256 for one in outputs}
    mesh.answers["ListOutputs"] = lambda _: pb.ListOutputsResponse(outputs=outputs)
    mesh.answers["DownloadOutput"] = lambda asked: download(digests[asked.output], asked.output.encode())
    result = vahana("experiment", "outputs", "exp-1", "--download", tmp_path / "dir")
    assert result.code == ExitCode.OK, result.err
    found = {path.name: path.read_text() for path in (tmp_path / "dir").iterdir()}
    assert sorted(found.values()) == sorted(names)
    assert found["a.txt"] == "first"
    assert found["second-a.txt"] == "second"
