"""The executor, played: it renders a script and looks at a host, or refuses to."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from services.chassis.errors import LimitExceeded
from services.chassis.rpc.errors import code_of, to_trailer
from vahana.executor.v1 import executor_pb2 as pb
from vahana.executor.v1 import executor_pb2_grpc


class PlayedExecutor(executor_pb2_grpc.ScriptServiceServicer, executor_pb2_grpc.ExecutorServiceServicer):
    """Keeps what it was asked, with the tenant, in `asked`; refuses everything while `busy`.

    It looks at no host while `free` is not set.
    """

    def __init__(self):
        self.asked, self.busy, self.free = [], False, threading.Event()
        self.free.set()
        self._server = grpc.server(ThreadPoolExecutor(12))
        executor_pb2_grpc.add_ScriptServiceServicer_to_server(self, self._server)
        executor_pb2_grpc.add_ExecutorServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def RenderJobScript(self, request, context):
        self._note(request, context)
        words = " ".join(request.job_submission.command.arguments)
        return pb.RenderJobScriptResponse(job_script=f"#!/bin/sh\n# {request.experiment_id}/{{process}}\n{words}\n")

    def CheckComputeResource(self, request, context):
        self._note(request, context)
        self.free.wait(20)
        report = pb.ComputeResourceReport(compute_resource=request.compute_resource, passed=True)
        return pb.CheckComputeResourceResponse(report=report)

    def stop(self):
        self._server.stop(0).wait()

    def _note(self, request, context):
        self.asked.append((dict(context.invocation_metadata())["x-vahana-tenant"], request))
        if self.busy:
            refusal = LimitExceeded("cluster is being checked often already")
            context.set_trailing_metadata((to_trailer(refusal),))
            context.abort(code_of(refusal), refusal.message)
