# SPDX-License-Identifier: Apache-2.0
"""From one invocation to the next."""

import json
import os
import sys

from faasnap_runtime.registry import UnknownFunction

_JSON = {"Content-Type": "application/json"}


class BadEvent(Exception):
    """The event is not what the function takes."""


def serve(api, handler):
    """Answers invocations with what `handler` makes of them, until the agent is gone."""
    while True:
        event = api.next()
        os.environ["_X_AMZN_TRACE_ID"] = event.headers.get("lambda-runtime-trace-id", "")
        try:
            answer, elapsed = _invoke(handler, event)
        except Exception as error:
            sys.stdout.flush()
            status = _status_of(error, handler)
            body = failure(error)
            if status == 500:
                print(body, file=sys.stderr, flush=True)
            api.post(f"invocation/{event.id}/error", body.encode(),
                     {**_JSON, "Faasnap-Status": status,
                      "Lambda-Runtime-Function-Error-Type": type(error).__name__})
        else:
            sys.stdout.flush()
            api.post(f"invocation/{event.id}/response", answer,
                     {**_JSON, "Faasnap-Handler-Ns": elapsed})


def failure(error):
    """What the Runtime API is told of an exception, as JSON."""
    # Imported here because it is large and a function that works never needs it.
    import traceback

    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__,
                       "stackTrace": traceback.format_tb(error.__traceback__)})


def _invoke(handler, event):
    try:
        params = json.loads(event.body)
    except (ValueError, RecursionError) as error:
        raise BadEvent(f"the body is not JSON: {error}") from None
    if handler.takes_objects and not isinstance(params, dict):
        raise BadEvent("the body is not a JSON object")
    result, elapsed = handler.invoke(event.headers, params)
    try:
        return json.dumps(result, allow_nan=False).encode(), elapsed
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"the result is not JSON: {error}") from None


def _status_of(error, handler):
    """What the agent answers: functions of this project refuse a parameter by ValueError."""
    if isinstance(error, BadEvent):
        return 400
    if isinstance(error, UnknownFunction):
        return 404
    return 422 if handler.takes_objects and isinstance(error, ValueError) else 500
