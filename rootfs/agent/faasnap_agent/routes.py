# SPDX-License-Identifier: Apache-2.0
"""What the agent answers to each request."""

import json
import os
import time

from faasnap_agent.http import HttpError
from faasnap_agent.registry import UnknownFunction


class Routes:
    """Answers requests with a Runner's functions and the guest's own services. `guest` is None
    outside a VM: then the requests that act on the machine are refused."""

    def __init__(self, runner, guest):
        self._runner = runner
        self._guest = guest
        self._routes = {
            "/invoke": ("POST", self._invoke),
            "/healthz": ("GET", self._healthz),
            "/settle": ("POST", self._settle),
            "/settled": ("POST", self._settled),
            "/poweroff": ("POST", self._poweroff),
            "/panic": ("POST", self._panic),
        }

    def answer(self, request):
        """The reply's JSON value, and what to do once it has been sent (None for nothing)."""
        started = time.monotonic_ns()
        if request.path not in self._routes:
            raise HttpError(404, f"no such path {request.path!r:.80}")
        method, route = self._routes[request.path]
        if request.method != method:
            raise HttpError(405, f"{request.path} takes {method}", headers=(f"Allow: {method}",))
        if self._guest is not None:
            self._guest.refresh(request.headers)
        return route(request, started)

    def _invoke(self, request, started):
        name = request.query.get("function", "")
        if not name:
            raise HttpError(400, "the query lacks function=NAME")
        params = _parse_params(request.body)
        try:
            result, handler_ns = self._runner.invoke(
                name, params, request.headers.get("faasnap-vm-id")
            )
        except UnknownFunction as error:
            raise HttpError(404, str(error)) from None
        except ValueError as error:
            raise HttpError(422, f"{name}: {error}") from error
        except Exception as error:
            # Imported here because it is large and most guests never need it.
            import traceback

            traceback.print_exc()
            raise HttpError(500, f"{name}: {type(error).__name__}: {error}") from error
        timings = {"handler_ns": handler_ns, "total_ns": time.monotonic_ns() - started}
        timings.update(_caller(request.headers))
        return {"result": result, "timings": timings}, None

    def _healthz(self, request, started):
        health = {
            "status": "ok",
            "time_ns": time.clock_gettime_ns(time.CLOCK_REALTIME),
            "random": os.urandom(16).hex(),
            "uptime_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            "kernel": os.uname().release,
        }
        return health, None

    def _settle(self, request, started):
        self._guest_for(request).report_all_free_memory()
        return {"status": "settling"}, None

    def _settled(self, request, started):
        self._guest_for(request).report_large_blocks()
        return {"status": "settled"}, None

    def _poweroff(self, request, started):
        return {"status": "powering off"}, self._guest_for(request).power_off

    def _panic(self, request, started):
        if self._guest is None or not self._guest.test_mode:
            raise HttpError(404, "/panic needs faasnap.test=1 on the kernel command line")
        return {"status": "panicking"}, self._guest.panic

    def _guest_for(self, request):
        if self._guest is None:
            raise HttpError(404, f"{request.path} is for agents inside a VM")
        return self._guest


def _caller(headers):
    """Which span the caller says that this work belongs to (B3 propagation), for the timings."""
    names = {"trace_id": "x-b3-traceid", "span_id": "x-b3-spanid"}
    ids = {name: headers.get(header, "") for name, header in names.items()}
    well_formed = all(
        len(text) in (16, 32) and not set(text) - set("0123456789abcdef") for text in ids.values()
    )
    return ids if well_formed else {}


def _parse_params(body):
    """An invocation's parameters: a JSON object; no body at all stands for an empty one."""
    try:
        params = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise HttpError(400, f"the body is not JSON: {error}") from None
    if not isinstance(params, dict):
        raise HttpError(400, "the body is not a JSON object")
    return params
