# SPDX-License-Identifier: Apache-2.0
"""The gateway and the paced line as processes, and what /proc says of them."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

MIB = 1024 * 1024
WAIT_S = 20.0
UNITS, REGISTERS = 10, 40
CORE_ELF = pathlib.Path(__file__).resolve().parent.parent / "build/m4/busward-rt.elf"
BLOCK_STRIDE = 200  # further apart than one request reads over


def row(name: str, value: float, unit: str, better: str, reference: float) -> dict:
    return {"name": name, "value": value, "unit": unit, "better": better, "reference": reference,
            "ratio": value / reference if reference else 0.0}


def wait_until(what: str, holds) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {WAIT_S:.0f} s")
        time.sleep(0.01)


# --- what a process takes ------------------------------------------------------------------------


def threads(pid: int) -> list[pathlib.Path]:
    return list(pathlib.Path(f"/proc/{pid}/task").iterdir())


def cpu_us(pid: int) -> float:
    """Time on a core of all threads so far."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in threads(pid)) / 1000


def wake_ups(pid: int) -> int:
    return sum(int(line.split()[1]) for task in threads(pid)
               for line in (task / "status").read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


def memory_mib(pid: int) -> tuple[float, float]:
    """(anonymous, resident) now."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, _, value = line.partition(":")
        fields[key] = int(value.split()[0]) * 1024 / MIB
    return fields["Anonymous"], fields["Rss"]


# --- the line ------------------------------------------------------------------------------------


class Wire:
    """A paced line with its own responder: 1 ms delay, replies whole at the end of their wire time.

    It measures the others and so goes before them, where that is allowed."""
    PROGRAM: str
    REPORT_SIGNAL: signal.Signals

    def __init__(self, program: pathlib.Path, folder: pathlib.Path, baud: int, form: str, own: list):
        self.report_file = folder / "report"
        self.process = subprocess.Popen(
            [program, "--baud", str(baud), "--format", form, "--responder", str(UNITS),
             "--responder-delay-us", "1000", "--report", self.report_file, "--log-level", "error", *own])
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -20)

    def report(self) -> dict:
        """The judge's report of everything so far."""
        self.report_file.unlink(missing_ok=True)
        self.process.send_signal(self.REPORT_SIGNAL)

        def read() -> str:
            return self.report_file.read_text() if self.report_file.exists() else ""

        wait_until(f"report of {self.PROGRAM}", lambda: read().endswith("\n"))
        return json.loads(read())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Line(Wire):
    """busward-line: the wire ends in a PTY."""
    PROGRAM, REPORT_SIGNAL = "busward-line", signal.SIGUSR1

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, baud: int, form: str,
                 chars: bool = False, changing: int = 0):
        self.port = folder / "client"
        super().__init__(build / "sim/busward-line", folder, baud, form,
                         ["--client", self.port, "--responder-changing", str(changing), *(["--silence-in-chars"] if chars else [])])
        wait_until("busward-line", lambda: os.path.exists(self.port))


class Core(Wire):
    """busward-m4: the wire ends at the transceiver of the real-time core, whose program runs in the model."""
    PROGRAM, REPORT_SIGNAL = "busward-m4", signal.SIGUSR2

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, baud: int, form: str):
        self.mailbox = folder / "mailbox"
        super().__init__(build / "sim/mt3620/busward-m4", folder, baud, form,
                         ["--elf", CORE_ELF, "--mailbox", self.mailbox])
        wait_until("busward-m4", lambda: os.path.exists(self.mailbox))


# --- the gateway ---------------------------------------------------------------------------------


def plain_devices(folder: pathlib.Path, interval_ms: int, registers: int = REGISTERS, units: int = UNITS,
                  blocks: int = 1) -> list[dict]:
    """Devices of plain registers in blocks, reported on change; their profile lies beside the configuration in folder."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    points = [{"name": f"r{i}", "table": "holding", "address": i, "type": "u16", "group": "all",
               "report": {"on_change": True}}
              for block in range(blocks) for i in range(block * BLOCK_STRIDE, block * BLOCK_STRIDE + registers)]
    profile = {"version": 1, "name": "bench",
               "groups": [{"name": "all", "interval_ms": interval_ms}], "points": points}
    (profiles / "bench.json").write_text(json.dumps(profile))
    return [{"name": f"d{i}", "unit": i, "profile": "bench"} for i in range(1, units + 1)]


class Gateway:
    """busward-gateway with plain devices; no hub."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, bus: dict, interval_ms: int,
                 registers: int = REGISTERS, units: int = UNITS, blocks: int = 1):
        devices = plain_devices(folder, interval_ms, registers, units, blocks)
        data = folder / "data"
        data.mkdir(exist_ok=True)
        config = {"gateway": {"id": "bench", "data_dir": str(data)},
                  "buses": [{"name": "line", **bus, "devices": devices}]}
        path = folder / "gateway.json"
        path.write_text(json.dumps(config))
        self.process = subprocess.Popen([build / "apps/gateway/busward-gateway", "--config", path,
                                         "--trust-clock"],
                                        stderr=subprocess.DEVNULL)
        self.pid = self.process.pid

    def stop(self) -> None:
        self.process.terminate()
        if self.process.wait(20) != 0:
            raise RuntimeError(f"the gateway ended with {self.process.returncode}")
