# SPDX-License-Identifier: Apache-2.0
"""tools/demo.py as ./dev demo starts it, its words, and all processes that come of it."""

import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import threading

SOURCE = pathlib.Path(__file__).resolve().parents[3]
LOOK_S = 0.02
LOOKS_MAX = 3000
LIFE_MAX_S = 100  # one that lives on and on is killed, and its test fails by that
PROGRAM = f"import sys; sys.path.insert(0, {str(SOURCE / 'tools')!r}); import demo; demo.SETTLE_S = {{}}; sys.exit(demo.main())"


class Demo:
    def __init__(self, *options: str, seconds: str = "0", settle_s: int = 0):
        """settle_s: how long its end waits for what is missing, if that is to be other than usual."""
        self.kept = tempfile.TemporaryDirectory(prefix="busward-demo-")
        self.data = pathlib.Path(self.kept.name) / "data"
        self.mark = f"BUSWARD_DEMO_MARK={secrets.token_hex(8)}"  # whoever descends from the demo has it in its environment
        name, value = self.mark.split("=")
        program = ["-c", PROGRAM.format(settle_s)] if settle_s else [str(SOURCE / "tools/demo.py")]
        command = [sys.executable, "-u", *program, "--build", os.environ["BUSWARD_BUILD"], "--data", str(self.data), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                        env={**os.environ, name: value, "DEMO_SECONDS": seconds})
        self.lines: list[str] = []
        self.watchdog = threading.Timer(LIFE_MAX_S, self.process.kill)
        self.watchdog.start()

    def next_line(self) -> str:
        """The next line that it says; none: it has ended."""
        line = self.process.stdout.readline()
        print(line, end="", flush=True)
        self.lines.append(line)
        return line

    def read_until(self, words: str) -> str:
        """Reads on to the line with these words, or to the end."""
        while (line := self.next_line()) and words not in line:
            pass
        return line

    def text(self) -> str:
        return "".join(self.lines)

    def end(self) -> int:
        """Reads the rest; the exit code."""
        while self.next_line():
            pass
        return self.process.wait()

    def processes(self) -> dict[int, str]:
        """Everything alive that came of the demo, itself apart: id and command."""
        found = {}
        for path in pathlib.Path("/proc").iterdir():
            try:
                if path.name.isdigit() and int(path.name) != self.process.pid and self.mark.encode() in (path / "environ").read_bytes():
                    found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                pass  # it ended meanwhile, or is another user's
        return found

    def wait_for(self, what: str, test) -> object:
        """Looks again and again, as long as the demo lives."""
        for _ in range(LOOKS_MAX):
            if found := test():
                return found
            try:
                self.process.wait(LOOK_S)
                break
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError(f"in vain: {what}")

    def wait_process(self, word: str) -> int:
        """The id of the process whose command has the word."""
        return self.wait_for(word, lambda: next((pid for pid, command in self.processes().items() if word in command), 0))

    def close(self) -> list[str]:
        """What the demo left behind; nothing of it lives after this."""
        self.watchdog.cancel()
        left = self.processes()
        for pid in [self.process.pid] if self.process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
            self.process.wait()
            left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.process.stdout.close()
        self.kept.cleanup()
        return [f"{pid} was left behind: {command}" for pid, command in left.items()]
