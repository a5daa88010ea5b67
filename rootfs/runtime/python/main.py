# SPDX-License-Identifier: Apache-2.0
"""The process of a Python function: takes invocations from the AWS Lambda Runtime API, one at a
time. docs/guide/guest-agent.md describes what _HANDLER may name."""

import os
import sys

from faasnap_runtime.api import RuntimeApi
from faasnap_runtime.handlers import make_handler
from faasnap_runtime.loop import failure, serve

_HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = make_handler(os.environ, _HERE)
    except BaseException as error:
        # The agent ends this process as soon as it knows: what it says comes first.
        body = failure(error)
        print(body, file=sys.stderr, flush=True)
        api.post("init/error", body.encode())
        return 1
    serve(api, handler)


if __name__ == "__main__":
    sys.exit(main())
