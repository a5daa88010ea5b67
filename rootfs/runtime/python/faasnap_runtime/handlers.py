# SPDX-License-Identifier: Apache-2.0
"""What _HANDLER names, as functions of a Runner."""

import importlib
import os
import sys
import time
import types

from faasnap_runtime.addresses import Address
from faasnap_runtime.registry import Registry
from faasnap_runtime.runner import Runner


class Context:
    """What AWS Lambda tells a handler of its invocation."""

    def __init__(self, headers, environment):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = headers.get("lambda-runtime-client-context")
        self.identity = None
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - time.time_ns() // 1_000_000)


class FolderHandler:
    """Functions of this project: handle(params, store) of NAME.py in a folder, the name being that of
    each invocation. `takes_objects` says that parameters are JSON objects."""

    takes_objects = True

    def __init__(self, folders, store, preloaded):
        self._runner = Runner(Registry(*folders), store)
        if preloaded:
            self._runner.preload(preloaded)

    def invoke(self, headers, params):
        return self._runner.invoke(headers["faasnap-function"], params,
                                   headers.get("faasnap-vm-id"))


class ModuleHandler:
    """A function of a module: handler(event, context) as AWS Lambda has it, or handle(params, store)
    if the second parameter's name is "store"."""

    def __init__(self, name, store, environment):
        self._name = name
        self._environment = environment
        module_name, _, function_name = name.rpartition(".")
        module = importlib.import_module(module_name.replace("/", "."))
        self._function = getattr(module, function_name)
        # Imported here because it is large and functions of a folder never need it.
        import inspect

        parameters = list(inspect.signature(self._function).parameters)
        self.takes_objects = parameters[1:2] == ["store"]
        self._runner = Runner(self, store)
        self._loaded = types.SimpleNamespace(
            handle=self._function if self.takes_objects else self._handle,
            after_restore=getattr(module, "after_restore", None),
            USES_STORE=getattr(module, "USES_STORE", False))
        self._runner.preload(name)

    def load(self, name):
        return self._loaded

    def loaded(self):
        return [self._name]

    def invoke(self, headers, params):
        self._headers = headers
        return self._runner.invoke(self._name, params, headers.get("faasnap-vm-id"))

    def _handle(self, event, store):
        return self._function(event, Context(self._headers, self._environment))


def make_handler(environment, folder):
    """The handler that the environment names; `folder` is this runtime's own. Raises what an import
    raises."""
    name = environment.get("_HANDLER", "")
    address = environment.get("FAASNAP_STORE", "")
    store = Address(address) if address else None
    if "." in name:
        sys.path.insert(0, environment.get("LAMBDA_TASK_ROOT", "/var/task"))
        return ModuleHandler(name, store, environment)
    folders = [environment.get("FAASNAP_FUNCTIONS") or os.path.join(folder, "..", "..", "functions")]
    if environment.get("FAASNAP_ARTIFACT") == "1":
        folders.append(os.path.join(folder, "artifact"))
    return FolderHandler(folders, store, name)
