# SPDX-License-Identifier: Apache-2.0
"""Process 1 of the lab: prepares the system, runs the one command that the lab exists for, carries
its three streams and reports how it ended. Its peer outside is the supervisor; docs/guide/lab.md
describes what they say to each other.

It starts on an emulated processor, so it imports only what is built into the interpreter.
"""

from __future__ import annotations

import _signal as signal  # The module `signal` imports `enum`, which takes longer than the rest.
import errno
import fcntl
import os
import select
import time

from .protocol import BACKLOG, CHUNK, PORTS, decode_job, take_lines

BUSYBOX = "/run/faasnap-lab/busybox"
MKFS = "/usr/sbin/mkfs.xfs"
REPAIR = "/usr/sbin/xfs_repair"
HOST_ROOT = b"/run/faasnap-lab/host"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Maximum time to collect output after the command and everything that it started have ended.
DRAIN_SECONDS = 20
# Maximum time that this process sleeps; it reaps orphans when it wakes.
TURN_MILLISECONDS = 250

# From <asm-generic/ioctls.h>. Not from the module `termios`, a file that takes time to load.
TIOCSCTTY = 0x540E
TIOCSWINSZ = 0x5414
TIOCSPTLCK = 0x40045431
TIOCGPTN = 0x80045430

# From <linux/kvm.h>.
KVM_CREATE_VM = 0xAE01
KVM_CREATE_IRQCHIP = 0xAE60
KVM_CREATE_VCPU = 0xAE41


def read_line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.readline().decode().rstrip("\n")
    except OSError:
        return ""


def make_path(path: bytes, mode: int = 0o755) -> None:
    """Makes the directories of a path that do not exist, in the layer that forgets."""
    made = b""
    for part in path.split(b"/"):
        if part:
            made += b"/" + part
            if not os.path.isdir(made):
                os.mkdir(made)
                os.chmod(made, mode)


class VirtioPorts:
    """The way to the supervisor: virtio-serial ports, by name, and one more for each CPU."""

    def __init__(self) -> None:
        self.port: dict[str, int] = {}
        self.pulses: list[int] = []
        # Ports carry their name in sysfs; there is no udev to make links of it.
        for node in os.listdir("/sys/class/virtio-ports"):
            name = read_line(f"/sys/class/virtio-ports/{node}/name")
            if name.startswith("faasnap."):
                fd = os.open(f"/dev/{node}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
                self.port[name.removeprefix("faasnap.")] = fd
                if name.startswith("faasnap.pulse"):
                    self.pulses.append(fd)
        for name in PORTS:
            if name not in self.port:
                raise RuntimeError(f"virtio port faasnap.{name} is missing")

    def spread_pulses(self) -> None:
        """Makes each pulse port interrupt the CPU of its number."""
        interrupt: dict[str, str] = {}
        with open("/proc/interrupts", encoding="ascii") as file:
            for line in file:
                words = line.split()
                if words[-1].startswith("virtio"):
                    interrupt[words[-1]] = words[0].rstrip(":")
        for node in os.listdir("/sys/class/virtio-ports"):
            name = read_line(f"/sys/class/virtio-ports/{node}/name")
            if not name.startswith("faasnap.pulse"):
                continue
            device = os.readlink(f"/sys/class/virtio-ports/{node}/device").rsplit("/", 1)[-1]
            with open(f"/proc/irq/{interrupt[device]}/smp_affinity_list", "w") as file:
                file.write(name.removeprefix("faasnap.pulse"))


class CountedPorts:
    """The way to the supervisor of the counted lab: character devices of its kernel module."""

    def __init__(self) -> None:
        flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
        self.port = {name: os.open(f"/dev/faasnap.{name}", flags) for name in PORTS}
        self.pulses: list[int] = []

    def spread_pulses(self) -> None:
        pass


class Control:
    """The port on which lines run."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.received = bytearray()

    def tell(self, line: str) -> None:
        """Sends a line, and waits until it is on its way."""
        data = line.encode(errors="replace") + b"\n"
        while data:
            try:
                data = data[os.write(self.fd, data):]
            except BlockingIOError:
                time.sleep(0.001)

    def answer(self) -> None:
        """Gives a sign of life, unless that would wait for a supervisor that may be stopped."""
        try:
            os.write(self.fd, b"alive\n")
        except BlockingIOError:
            pass

    def receive(self) -> list[bytes]:
        try:
            self.received += os.read(self.fd, CHUNK)
        except BlockingIOError:
            pass
        return take_lines(self.received)

    def _more(self) -> None:
        data = os.read(self.fd, CHUNK)
        if not data:
            time.sleep(0.01)
        self.received += data

    def wait_for_job(self) -> dict[str, list[bytes]]:
        while b"\n" not in self.received:
            self._more()
        line, _, rest = self.received.partition(b"\n")
        size = int(line.split()[1])
        self.received = rest
        while len(self.received) < size:
            self._more()
        body = bytes(self.received[:size])
        del self.received[:size]
        return decode_job(body)

    def wait_for_begin(self) -> None:
        while not self.received.startswith(b"begin\n"):
            self._more()
        del self.received[:len(b"begin\n")]


class System:
    """Prepares the lab's system before the command runs."""

    def __init__(self, job: dict[str, list[bytes]], control: Control) -> None:
        self.job = job
        self.control = control
        self.held: list[int] = []

    def _busybox(self, *arguments: str | bytes) -> int:
        """Runs a program that starts from memory: the machine's own come by virtiofs, slowly."""
        return self._run(BUSYBOX, *arguments)

    def _run(self, program: str, *arguments: str | bytes) -> int:
        pid = os.posix_spawn(program, [program, *arguments], {"PATH": PATH})
        ended = select.poll()
        pidfd = os.pidfd_open(pid)
        ended.register(pidfd, select.POLLIN)
        # A disk whose log is long takes its time to be mounted.
        while not ended.poll(1000):
            self.control.answer()
        os.close(pidfd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _mount(self, *arguments: str | bytes) -> None:
        status = self._busybox("mount", *arguments)
        if status != 0:
            raise RuntimeError(f"mount {b' '.join(map(os.fsencode, arguments))!r}: status {status}")

    def prepare(self) -> None:
        self._prepare_devices()
        self._prepare_modules()
        self._prepare_directories()
        if "disk" in self.job:
            device = os.fsdecode(self.job["disk"][0])
            if "format" in self.job:
                self._format(device)
            self._mount_disk(device)
        self._hold_kvm()
        time.clock_settime(time.CLOCK_REALTIME, float(self.job["time"][0]))

    def _prepare_devices(self) -> None:
        os.symlink("/proc/self/fd", "/dev/fd")
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            os.symlink(f"/proc/self/fd/{number}", f"/dev/{name}")
        # Opening one of these loads its module.
        os.mkdir("/dev/mapper")
        for name, minor in (("loop-control", 237), ("mapper/control", 236), ("vhost-vsock", 241)):
            os.mknod(f"/dev/{name}", 0o20600, os.makedev(10, minor))
        for name in ("kvm", "fuse"):
            os.chmod(f"/dev/{name}", 0o666)
        with open("/proc/sys/kernel/hostname", "w") as file:
            file.write("faasnap-lab")

    def _prepare_modules(self) -> None:
        """Shows the modules of the running kernel where it looks for what loads on demand."""
        if "modules" not in self.job:
            return
        release = os.fsencode(read_line("/proc/sys/kernel/osrelease"))
        source = self.job["modules"][0] + b"/" + release
        if os.path.isdir(source):
            make_path(b"/lib/modules/" + release)
            self._mount("-o", "bind", source, b"/lib/modules/" + release)

    def _prepare_directories(self) -> None:
        # /tmp is the lab's own, but the machine's directory that the caller stands in must stay
        # visible.
        parts = self.job["cwd"][0].split(b"/")
        outside = b"/".join(parts[:3]) if parts[1:2] == [b"tmp"] and len(parts) > 2 else b""
        kept = b"/run/faasnap-lab/cwd"
        if outside and os.path.isdir(outside):
            make_path(kept)
            self._mount("-o", "bind", outside, kept)
        self._mount("-t", "tmpfs", "-o", "mode=1777", "tmp", "/tmp")
        if os.path.isdir(kept):
            make_path(outside)
            self._mount("-o", "move", kept, outside)
        for directory in self.job.get("writable", []):
            make_path(directory)
            self._mount("-o", "bind", HOST_ROOT + directory, directory)
        for directory in self.job.get("directory", []):
            try:
                make_path(directory, 0o1777)
            except OSError:
                # The command finds out itself, if it needs it.
                pass

    def _format(self, device: str) -> None:
        status = os.spawnve(os.P_WAIT, MKFS, [MKFS, "-q", "-K", device], {"PATH": PATH})
        if status != 0:
            raise RuntimeError(f"{MKFS} {device}: status {status}")

    def _mount_disk(self, device: str) -> None:
        kind = self._disk_type(device)
        arguments = ("-t", kind, "-o", "noatime", device, "/data")
        if self._busybox("mount", *arguments) == 0:
            return
        # A host that stopped under a lab may have kept some of its writes and lost earlier ones.
        if kind != "xfs" or self._run(REPAIR, "-L", device) != 0:
            raise RuntimeError("the data disk's file system is damaged; remove the file of the disk "
                               "to have a new one")
        self._mount(*arguments)
        self.control.tell("note the data disk's file system was damaged, and has been repaired")

    @staticmethod
    def _disk_type(device: str) -> str:
        """XFS, unless somebody made the disk another way."""
        with open(device, "rb", buffering=0) as disk:
            return "xfs" if disk.read(4) == b"XFSB" else "ext4"

    def _hold_kvm(self) -> None:
        """Keeps a virtual CPU that never runs.

        KVM patches its own code whenever the first virtual CPU appears whose interrupt controller
        is still disabled, and again when the last such is gone; another CPU of QEMU may then run
        a stale copy of the patched bytes, which kills the lab's kernel. This one keeps KVM in the
        first state.
        """
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
        fcntl.ioctl(vm, KVM_CREATE_IRQCHIP, 0)
        self.held = [kvm, vm, fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)]

    def put_away(self) -> None:
        """Writes everything that must outlive the lab."""
        os.sync()
        if "disk" in self.job and self._busybox("umount", "/data") != 0:
            self._busybox("mount", "-o", "remount,ro", "/data")


class Pump:
    """One direction of one stream: what was read and not yet written, and how much went through."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.buffer = bytearray()
        self.moved = 0
        self.ended = False

    def read(self) -> None:
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            # A pseudo-terminal whose last user is gone answers EIO.
            data = b""
        self.buffer += data
        self.ended = not data

    def write(self) -> bool:
        """Returns False if nobody reads any more."""
        try:
            written = os.write(self.sink, self.buffer[:CHUNK])
        except BlockingIOError:
            return True
        except OSError:
            self.buffer.clear()
            return False
        self.moved += written
        del self.buffer[:written]
        return True


def set_window(terminal: int, size: bytes) -> None:
    rows, columns = (int(number).to_bytes(2, "little") for number in size.split())
    fcntl.ioctl(terminal, TIOCSWINSZ, rows + columns + bytes(4))


def open_terminal(size: bytes) -> tuple[int, str]:
    master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, bytes(4))
    number = int.from_bytes(fcntl.ioctl(master, TIOCGPTN, bytes(4)), "little")
    set_window(master, size)
    return master, f"/dev/pts/{number}"


def execute(command: list[bytes], environment: dict[bytes, bytes]) -> None:
    """Becomes the command, or raises what was in the way. os.execvpe loads another module."""
    if b"/" in command[0]:
        os.execve(command[0], command, environment)
    found: OSError = FileNotFoundError(errno.ENOENT, "")
    for directory in environment.get(b"PATH", PATH.encode()).split(b":"):
        try:
            os.execve((directory or b".") + b"/" + command[0], command, environment)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            found = error
    raise found


def become_command(job: dict[str, list[bytes]], theirs: dict[int, int], terminal: str) -> None:
    """Runs in the child, and does not return."""
    command = job["arg"]
    status = 126
    what = command[0]
    try:
        os.setsid()
        if terminal:
            opened = os.open(terminal, os.O_RDWR)
            fcntl.ioctl(opened, TIOCSCTTY, 0)
            for fd in range(3):
                theirs.setdefault(fd, opened)
        for fd in range(3):
            os.dup2(theirs[fd], fd)
        # The interpreter ignores these, and a command would inherit that.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        what = job["cwd"][0]
        os.chdir(what)
        what = command[0]
        environment = dict(entry.split(b"=", 1) for entry in job.get("env", []))
        execute(command, environment)
    except OSError as error:
        if what is command[0] and error.errno == errno.ENOENT:
            status = 127
        os.write(2, b"faasnap-lab: %s: %s\n" % (what, os.strerror(error.errno).encode()))
    finally:
        os._exit(status)


class Command:
    """The running command, and our ends of its streams."""

    def __init__(self, job: dict[str, list[bytes]], ports: dict[str, int]) -> None:
        terminals = {int(fd) for fd in job.get("tty", [b""])[0].decode()}
        self.has_terminal = bool(terminals)
        self.status: int | None = None
        ours: dict[int, int] = {}
        theirs: dict[int, int] = {}
        slave = ""
        if terminals:
            self.master, slave = open_terminal(job["window"][0])
            ours[0] = self.master
            ours[1] = self.master
        for fd in {0, 1, 2} - terminals:
            reader, writer = os.pipe()
            theirs[fd], ours[fd] = (writer, reader) if fd else (reader, writer)
        self.pid = os.fork()
        if self.pid == 0:
            become_command(job, theirs, slave)
        for fd in theirs.values():
            os.close(fd)
        # The command itself starts with the pipe's default ends: only ours are non-blocking.
        for fd in ours.values():
            os.set_blocking(fd, False)
        self.input: Pump | None = Pump(ports["stdin"], ours[0])
        self.output = {
            fd: Pump(ours[fd], ports[name])
            for fd, name in ((1, "stdout"), (2, "stderr"))
            if fd in ours
        }

    def signal(self, number: int) -> None:
        if self.status is not None:
            return
        try:
            os.kill(-self.pid, number)
        except ProcessLookupError:
            # It is not a group of its own yet.
            os.kill(self.pid, number)

    def close_input(self) -> None:
        if self.input is not None and not self.has_terminal:
            os.close(self.input.sink)
        self.input = None

    def stop_reading(self, fd: int) -> None:
        """Gives the command what a closed pipe gives."""
        pump = self.output.get(fd)
        if pump is not None and not pump.ended:
            pump.ended = True
            pump.buffer.clear()
            # A terminal is also the way in, and stays open.
            if not self.has_terminal or pump.source != self.master:
                os.close(pump.source)

    def reap(self) -> bool:
        """Buries the dead. Returns True if the command is among them."""
        ended = False
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return ended
                if pid == self.pid:
                    code = os.waitstatus_to_exitcode(status)
                    self.status = code if code >= 0 else 128 - code
                    ended = True
        except ChildProcessError:
            return ended

    @property
    def is_drained(self) -> bool:
        return all(pump.ended and not pump.buffer for pump in self.output.values())


class Agent:
    def __init__(self, ports: VirtioPorts, control: Control, system: System) -> None:
        self.ports = ports
        self.control = control
        self.system = system
        self.input_size: int | None = None
        self.command = Command(system.job, ports.port)

    def run(self) -> None:
        for fd in self.ports.port.values():
            os.set_blocking(fd, False)
        command = self.command
        # Lines that arrived together with `begin`.
        for line in take_lines(self.control.received):
            self._obey(line.split())
        ended = os.pidfd_open(command.pid)
        deadline = 0.0
        reported = False
        while True:
            self._turn(-1 if command.status is not None else ended)
            if command.reap():
                # The lab ends with its command: what it left running must not hold the streams.
                try:
                    os.kill(-1, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                deadline = time.monotonic() + DRAIN_SECONDS
            if command.status is not None and not reported:
                if command.is_drained or time.monotonic() > deadline:
                    moved = [command.output[fd].moved if fd in command.output else 0
                             for fd in (1, 2)]
                    self.control.tell(f"exit {command.status} {moved[0]} {moved[1]}")
                    reported = True

    def _turn(self, ended: int) -> None:
        """Waits until something can move, and moves it."""
        command = self.command
        wanted = {fd: select.POLLIN for fd in (self.control.fd, *self.ports.pulses)}

        def want(fd: int, event: int) -> None:
            wanted[fd] = wanted.get(fd, 0) | event

        if ended >= 0:
            want(ended, select.POLLIN)
        entering = command.input if command.status is None else None
        if entering is not None:
            if len(entering.buffer) < CHUNK:
                want(entering.source, select.POLLIN)
            if entering.buffer:
                want(entering.sink, select.POLLOUT)
        for pump in command.output.values():
            if not pump.ended and len(pump.buffer) < BACKLOG:
                want(pump.source, select.POLLIN)
            if pump.buffer:
                want(pump.sink, select.POLLOUT)
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, events)
        ready = dict(poll.poll(TURN_MILLISECONDS))

        for fd in self.ports.pulses:
            if fd in ready:
                os.read(fd, CHUNK)
        if self.control.fd in ready:
            for line in self.control.receive():
                self._obey(line.split())
        if entering is not None and command.input is not None:
            if entering.source in ready:
                entering.read()
            if entering.buffer and not entering.write():
                command.input = None
            elif self.input_size is not None and entering.moved >= self.input_size:
                if not command.has_terminal:
                    command.close_input()
        for pump in command.output.values():
            if not pump.ended and pump.source in ready:
                pump.read()
            if pump.buffer:
                pump.write()

    def _obey(self, words: list[bytes]) -> None:
        command = self.command
        match words:
            case [b"ping"]:
                self.control.answer()
            case [b"signal", number]:
                command.signal(int(number))
            case [b"window", rows, columns]:
                if command.has_terminal:
                    set_window(command.master, rows + b" " + columns)
            case [b"eof", size]:
                self.input_size = int(size)
            case [b"unread", fd]:
                command.stop_reading(int(fd))
            case [b"done"]:
                self.system.put_away()
                self.control.tell("bye")
                while True:
                    time.sleep(60)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["PATH"] = PATH
    os.chdir("/")
    ports = CountedPorts() if os.path.exists("/dev/faasnap.control") else VirtioPorts()
    control = Control(ports.port["control"])
    try:
        control.tell("ready")
        job = control.wait_for_job()
        system = System(job, control)
        system.prepare()
        ports.spread_pulses()
        control.tell("prepared")
        control.wait_for_begin()
        Agent(ports, control, system).run()
    except BaseException as error:
        # A panic would end the lab as well, but with a page of registers instead of a line.
        control.tell("error " + " ".join(f"{type(error).__name__}: {error}".split()))
        time.sleep(60)
