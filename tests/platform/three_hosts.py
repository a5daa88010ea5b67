# SPDX-License-Identifier: Apache-2.0
"""Several hosts of one platform, by the script examples/platform/three-hosts."""

import http.client
import importlib.machinery
import importlib.util
import json
import os
import shutil
import time

SCRIPT = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                      "../../examples/platform/three-hosts")
FUNCTIONS = "/2015-03-31/functions"


def load_script():
    loader = importlib.machinery.SourceFileLoader("three_hosts_script", SCRIPT)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("three_hosts_script", loader))
    loader.exec_module(module)
    return module


script = load_script()


def lack():
    """Why there can be no hosts here; nothing if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "haproxy"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            return f"there is no {program}; ./dev test gets it"
    if not any(os.path.exists(each) for each in script.REDIS_PROGRAMS):
        return "there is no redis-server; ./dev test gets it"
    return None


def request(address, method, path, body=None, timeout=60):
    """Returns status, headers and body."""
    connection = http.client.HTTPConnection(address, script.PORT, timeout=timeout)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def wait_for(what, condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience} s")
        time.sleep(0.05)
