#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A wrong configuration stops the gateway before it touches the bus or makes a file, naming every mistake.

Goal: for each of several wrong configurations busward-gateway ends with exit code 1, all mistakes stand on stderr with
file, line, column and key, the tty was never opened and the data folder is not there; `busward check --here` says the same
words, `busward check` says them as warnings; and the corrected file polls. Method: the bus is a PTY of which only the master
end is open, so that the kernel tells (POLLHUP) if anybody ever opened the other one.
"""
import ctypes
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parents[3]
BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", SOURCE / "build" / "host"))
BUSWARD = BUILD / "apps" / "cli" / "busward"
GATEWAY = BUILD / "apps" / "gateway" / "busward-gateway"
KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
WAIT_S = 60


class Line:
    """A PTY; nobody has its other end until a program opens it."""

    def __init__(self) -> None:
        self.master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.grantpt(self.master) == 0 and libc.unlockpt(self.master) == 0
        libc.ptsname.restype = ctypes.c_char_p
        self.path = libc.ptsname(self.master).decode()

    def events(self, wait_s: float = 0) -> int:
        poll = select.poll()
        poll.register(self.master, select.POLLIN)
        return next((events for _, events in poll.poll(wait_s * 1000)), 0)


class Case:
    """A configuration file, written so that each key's place is known: one key per line."""

    def __init__(self, folder: pathlib.Path, line: Line) -> None:
        self.folder, self.line = folder, line
        self.data = folder / "data"
        self.file = folder / "store.json"
        shutil.copytree(SOURCE / "profiles", folder / "profiles")
        self.make("key", KEY, 0o600)
        self.make("open-key", KEY, 0o644)
        self.make("login", "ann:secret", 0o600)
        self.make("words", "no PEM", 0o600)
        os.mkfifo(folder / "fifo")
        for name in ("ca", "other"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                         "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
            (folder / f"{name}.key").chmod(0o600)

    @staticmethod
    def openssl(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def make(self, name: str, text: str, mode: int) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(mode)

    def write(self, hub: dict, gateway: dict | None = None, device: dict | None = None, remote: str | None = None) -> None:
        hub = {key: value.replace("@", f"{self.folder}/") if isinstance(value, str) else value for key, value in hub.items()}
        config = {"gateway": {"id": "store-1", "data_dir": str(self.data), **(gateway or {})}, "hub": hub, "buses": [
            {"name": "line", "port": f"tty:{self.line.path}", "devices": [
                {"name": "R", "unit": 1, "profile": "busward-receiver", **(device or {})}]}]}
        if remote is not None:
            config["remote"] = {"ca_file": f"{self.folder}/{remote}"}
        self.file.write_text(json.dumps(config, indent=1))

    def place_of(self, key: str) -> str:
        last = key.split(".")[-1]
        for number, text in enumerate(self.file.read_text().split("\n"), 1):
            if f'"{last}":' in text:
                return f"{self.file}:{number}:{text.index(chr(34)) + 1}"
        raise AssertionError(f"{last} is not in the file")


def findings(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if ": error: " in line or ": warning: " in line)


def refused(case: Case, mistakes: dict[str, str]) -> None:
    """mistakes: what is said of each key, and of no other."""
    done = subprocess.run([GATEWAY, "--config", case.file], capture_output=True, text=True, timeout=WAIT_S)
    told = findings(done.stderr)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert len(told) == len(mistakes), (mistakes, told)
    for key, words in mistakes.items():
        start = f"{case.place_of(key)}: error: {key}: "
        assert any(line.startswith(start) and words in line for line in told), (start, words, told)
    assert f"ev=config_wrong file={case.file} errors={len(mistakes)}" in done.stderr, done.stderr
    assert KEY not in done.stderr and "secret" not in done.stderr, done.stderr
    assert case.line.events() == 0, f"the line was touched: events {case.line.events()}"
    assert not case.data.exists(), list(case.data.rglob("*"))
    here = subprocess.run([BUSWARD, "check", "--here", case.file], capture_output=True, text=True, timeout=WAIT_S)
    assert here.returncode == 1 and findings(here.stdout) == told, (here, told)
    elsewhere = subprocess.run([BUSWARD, "check", case.file], capture_output=True, text=True, timeout=WAIT_S)
    both = findings(elsewhere.stdout.replace(": warning: ", ": error: "))
    assert set(both) <= set(told) and len(both) >= len([key for key in mistakes if key != "gateway.data_dir"]), (both, told)


def test_every_file_at_once(case: Case) -> None:
    # Rules and files, all in one go: nobody mends one mistake to be told the next.
    case.write({"host": "hub.example.org", "key_file": "@absent", "ca_file": "@words", "proxy": "http://proxy:0",
                "proxy_login_file": "@open-key"}, {"data_dir": "/nowhere/at/all"}, {"unit": 300})
    refused(case, {"gateway.data_dir": "the folder above it is not there", "hub.key_file": "No such file",
                   "hub.ca_file": "no certificate in PEM form", "hub.proxy": "is no proxy",
                   "hub.proxy_login_file": "others may read it", "buses[0].devices[0].unit": "from 1 to 247"})


def test_a_key(case: Case) -> None:
    ca = {"ca_file": "@ca.pem"}
    for hub, words in (({"host": "h", "key_file": "@open-key"}, "others may read it: chmod 600 it"),
                       ({"host": "h", "key_file": "@words"}, "the key is not base64"),
                       ({"host": "h", "key_file": "@fifo"}, "not a regular file"),
                       ({"host": "h", "key_file": "@profiles"}, "not a regular file"),
                       ({"host": "h", "key_file": "@none/key"}, "No such file"),
                       ({"key_file": "@key"}, "holds a key alone, so nothing says which hub")):
        case.write({**hub, **ca})
        refused(case, {"hub.key_file": words})
    case.write({"provisioning": {"id_scope": "0ne1", "group_key_file": f"{case.folder}/open-key"}, **ca})
    refused(case, {"hub.provisioning.group_key_file": "others may read it"})


def test_a_certificate(case: Case) -> None:
    ca = {"host": "h", "ca_file": "@ca.pem"}
    for certificate, key, mistakes in (
            ("@none.pem", "@open-key", {"hub.certificate_file": "No such file", "hub.private_key_file": "others may read it"}),
            ("@words", "@words", {"hub.certificate_file": "no certificate in PEM form"}),
            ("@fifo", "@ca.key", {"hub.certificate_file": "not a regular file"}),
            ("@ca.pem", "@words", {"hub.private_key_file": "the private key cannot be read"}),
            ("@ca.pem", "@other.key", {"hub.private_key_file": "does not belong to the certificate"})):
        case.write({**ca, "certificate_file": certificate, "private_key_file": key})
        refused(case, mistakes)


def test_authorities(case: Case) -> None:
    # Of hub and references alike. A file is read to its end, a folder only by its names.
    good = (case.folder / "ca.pem").read_text()
    case.make("broken", good + good.replace("\nM", "\nN", 1), 0o644)
    (case.folder / "empty").mkdir()
    (case.folder / "hashed").mkdir()
    shutil.copy(case.folder / "ca.pem", case.folder / "hashed")
    case.openssl("rehash", case.folder / "hashed")
    key = {"host": "h", "key_file": "@key"}
    for file, words in (("broken", "holds a broken certificate"), ("empty", "openssl rehash"), ("fifo", "not a regular file"),
                        ("none.pem", "No such file"), ("words", "no certificate in PEM form")):
        case.write({**key, "ca_file": f"@{file}"})
        refused(case, {"hub.ca_file": words})
        case.write({"host": "h", "certificate_file": "@none", "private_key_file": "@ca.key"}, remote=file)
        refused(case, {"hub.certificate_file": "No such file", "remote.ca_file": words})
    case.write({**key, "ca_file": "@hashed"}, remote="hashed")
    told = subprocess.run([BUSWARD, "check", "--here", case.file], capture_output=True, text=True, timeout=WAIT_S)
    assert told.returncode == 0 and "0 errors, 0 warnings" in told.stdout, told


def test_a_data_folder(case: Case) -> None:
    good = {"host": "h", "key_file": "@key", "ca_file": "@ca.pem"}
    case.write(good, {"data_dir": str(case.folder / "key")})
    refused(case, {"gateway.data_dir": "is no folder"})


def test_a_credential_of_systemds(case: Case) -> None:
    # The unit alone sees them: no check can miss what it cannot see, but the gateway must.
    case.write({"host": "h", "key_file": "credential:hub-key", "ca_file": "@ca.pem"})
    start = f"{case.place_of('hub.key_file')}: error: hub.key_file: "
    outside = {key: value for key, value in os.environ.items() if key != "CREDENTIALS_DIRECTORY"}
    (case.folder / "credentials").mkdir()
    for more, words, is_seen in (({}, "the unit needs LoadCredential=", False),
                                 ({"CREDENTIALS_DIRECTORY": f"{case.folder}/credentials"}, "No such file", True)):
        for program in ([GATEWAY, "--config"], [BUSWARD, "check", "--here"]):
            done = subprocess.run([*program, case.file], env=outside | more, capture_output=True, text=True, timeout=WAIT_S)
            told = findings(done.stdout + done.stderr)
            must_tell = is_seen or program[0] == GATEWAY
            assert done.returncode == (1 if must_tell else 0) and len(told) == must_tell, (program, done)
            assert all(line.startswith(start) and words in line for line in told), told
    assert case.line.events() == 0 and not case.data.exists()


def test_a_dump_needs_no_files(case: Case) -> None:
    case.write({"host": "h", "key_file": "@absent"})
    done = subprocess.run([GATEWAY, "--config", case.file, "--dump-config"], capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0 and json.loads(done.stdout)["hub"]["keep_alive_s"] == 60, done
    assert any(": warning: hub.key_file: " in line for line in findings(done.stderr)), done.stderr


def test_the_corrected_file_polls(case: Case) -> None:
    # Half an adoption: the present certificate does not fit its key, but the one that is to follow does.
    shutil.copy(case.folder / "other.pem", case.folder / "ours.pem")
    shutil.copy(case.folder / "ca.pem", case.folder / "ours.pem.next")
    shutil.copy(case.folder / "ca.key", case.folder / "ours.key")
    (case.folder / "ours.key").chmod(0o600)
    case.write({"host": "127.0.0.1", "port": 9, "certificate_file": "@ours.pem", "private_key_file": "@ours.key",
                "ca_file": "@ca.pem"})
    told = subprocess.run([BUSWARD, "check", "--here", case.file], capture_output=True, text=True, timeout=WAIT_S)
    assert told.returncode == 0 and "0 errors, 0 warnings" in told.stdout, told
    with subprocess.Popen([GATEWAY, "--config", case.file], stderr=subprocess.PIPE, text=True) as gateway:
        try:
            events = 0
            while events & select.POLLIN == 0 and gateway.poll() is None:
                events = case.line.events(1)
            request = os.read(case.line.master, 256) if events & select.POLLIN else b""
            assert len(request) == 8 and request[0] == 1, (request, gateway.poll())
            gateway.send_signal(signal.SIGTERM)
            said = gateway.communicate(timeout=WAIT_S)[1]
            assert gateway.returncode == 0, (gateway.returncode, said)
        finally:
            if gateway.poll() is None:
                gateway.kill()
    assert (case.data / "journal").is_dir()


def main() -> int:
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory(prefix="busward-wrong-") as folder:
            line = Line()
            test(Case(pathlib.Path(folder), line))
            os.close(line.master)
        print(f"ok {name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
