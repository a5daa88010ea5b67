# SPDX-License-Identifier: Apache-2.0
"""The guest's first process. It only waits for children; the agent is its child, so that reaping
orphans never takes the exit status of a program that a function waits for."""

import os
import sys

_FUNCTIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "functions")


def main():
    agent = _start(_run_agent)
    while True:
        process, status = os.wait()
        if process == agent:
            # The end of the first process is a kernel panic: the VMM hears that the agent died.
            code = os.waitstatus_to_exitcode(status)
            print(f"agent: ended with status {code}", file=sys.stderr, flush=True)
            sys.exit(1)


def _start(body):
    process = os.fork()
    if process == 0:
        try:
            body()
        except BaseException:
            # Imported here because it is large and an agent that works never needs it.
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)
    return process


def _run_agent():
    from faasnap_agent.addresses import Address
    from faasnap_agent.config import Config
    from faasnap_agent.guest import Guest
    from faasnap_agent.registry import Registry
    from faasnap_agent.routes import Routes
    from faasnap_agent.runner import Runner
    from faasnap_agent.server import Server

    # Functions that call programs or look for a home directory find the usual ones.
    os.environ.update(PATH="/usr/sbin:/usr/bin", HOME="/tmp", LANG="C.UTF-8")
    os.chdir("/tmp")
    with open("/proc/cmdline", encoding="utf-8") as command_line:
        config = Config(command_line.read())
    runner = Runner(Registry(_FUNCTIONS), Address(config.store) if config.store else None)
    if config.function:
        runner.preload(config.function)
    listener = Address(config.listen).listen(backlog=64)
    print(f"agent: listening on {config.listen}", flush=True)
    if config.shell:
        _start(_run_shell)
    Server(listener, Routes(runner, Guest(config.test))).serve()


def _run_shell():
    os.setsid()
    terminal = os.open("/dev/ttyS0", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    os.execv("/usr/bin/sh", ["sh"])


if __name__ == "__main__":
    main()
