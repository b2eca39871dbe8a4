#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what the documents tell a stranger to type works as it stands. Method: the very blocks of docs/by-hand.md
in a shell, from the certificates to the first good value, a command and a configuration on trial; the examples of
docs/hub.md and docs/gateway.md given to the programs that they are for. What the blocks call is in a package that they install, and what
they wait for they give up with a word."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])
SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path.insert(0, str(SOURCE / "tools"))

from world.debian import essential_packages, package_of, with_dependencies  # noqa: E402
from world.ports import free_port  # noqa: E402

DEADLINE_S = 90
ASK_AGAIN_S = 1


def blocks(name: str, kind: str) -> list[str]:
    found = re.findall(rf"^```{kind}\n(.*?)^```$", (SOURCE / "docs" / name).read_text(), re.S | re.M)
    assert found, (name, kind)
    return found


def test_a_system_by_hand(folder: pathlib.Path) -> None:
    build, *rest = blocks("by-hand.md", "sh")
    assert "SOURCE=$PWD BUILD=$PWD/build/release" in build  # stands in for this build
    script = "set -e\ntrap 'kill $(jobs -p); wait' EXIT\n" + "".join(rest)
    ports = {name: str(free_port()) for name in ("HUB_PORT", "DPS_PORT", "REST_PORT", "CLOUD_PORT")}
    environment = {**os.environ, **ports, "SOURCE": str(SOURCE), "BUILD": str(BUILD), "no_proxy": "*"}
    with subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True) as shell:
        try:
            said = shell.communicate(timeout=DEADLINE_S)[0]
        except subprocess.TimeoutExpired:
            shell.terminate()  # its trap ends the rest
            said = shell.communicate()[0]
    logs = "".join(f"{log.name}:\n{log.read_text()[-1500:]}" for log in folder.glob("*.log"))
    assert shell.returncode == 0, said[-3000:] + logs
    assert '"name":"Cold shelf 1"' in said and "store.json: 0 errors, 0 warnings" in said, said[-3000:]
    assert re.search(r"first telemetry +ok: stored", said) and '"status":200' in said and "a first one" in said, said[-3000:] + logs
    for log in ("hub.log", "dps.log", "backend.log", "gateway.log", "cloud.log"):
        assert "level=error" not in (folder / log).read_text(), logs


def test_what_the_blocks_call_is_installed(_folder: pathlib.Path) -> None:
    first, *_ = written = blocks("by-hand.md", "sh")
    named = re.search(r"apt-get install (?:-\S+ )*([\w -]+?) *(?:#|$)", first, re.M)[1].split()
    built_with = re.search(r'^packages_build="([^"]*)"', (SOURCE / "dev").read_text(), re.M)[1].split()
    at_hand = essential_packages() | with_dependencies({*named, *built_with})
    called = set()
    for word in re.findall(r"(?:^|[|;&({`]|\b(?:do|then|soon|until|while))[ \t]*([a-z][\w-]*)(?= |$)", "".join(written), re.M):
        program = shutil.which(word, path="/usr/sbin:/usr/bin")
        if program:
            called.add((word, package_of(program)))
    assert {"curl", "openssl", "grep", "sleep"} <= {word for word, _ in called}, called
    lost = {(word, package) for word, package in called if package not in at_hand}
    assert not lost, f"docs/by-hand.md calls {lost}, which nothing there installs"


def test_waiting_ends(_folder: pathlib.Path) -> None:
    written = blocks("by-hand.md", "sh")
    assert not re.search(r"\b(until|while)\b", "".join(written)), "a loop that nothing ends"
    soon = next(block for block in written if "soon()" in block)
    script = f"function sleep {{ :; }}\n{soon}\nset -e\nsoon true\nsoon test -s nothing/there\necho went on"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1 and "test -s nothing/there" in done.stderr and done.stdout == "", done


def end(broker: subprocess.Popen) -> None:
    """mosquitto 2.0.11 forgets a SIGTERM that comes just before its main loop begins: asked again until it ends."""
    while True:
        broker.terminate()
        try:
            broker.wait(ASK_AGAIN_S)
            return
        except subprocess.TimeoutExpired:
            pass


def test_the_hubs_examples(folder: pathlib.Path) -> None:
    hub, dps, devices = blocks("hub.md", "")[:3]
    (folder / "hub-devices.json").write_text(devices.replace("<base64>", "MDEyMzQ1Njc4OWFiY2RlZg=="))
    (folder / "hub-devices.json").chmod(0o600)
    subprocess.run([BUILD / "apps/hub/backend/busward-hub", "import", "--data-dir", folder / "example", folder / "hub-devices.json"],
                   check=True)
    for conf, port, word in ((hub, "8883", "mode=hub"), (dps, "8884", "mode=dps")):
        for old, new in (("/etc/busward", str(folder)), ("/var/lib/busward-hub", f"{folder}/example"), (port, str(free_port())),
                         ("/run/busward-hub", str(folder)), ("/usr/lib/busward", str(BUILD / "apps/hub"))):
            assert old in conf, old
            conf = conf.replace(old, new)
        (folder / "hub.conf").write_text(conf + ("user root\n" if os.geteuid() == 0 else ""))
        with subprocess.Popen(["mosquitto", "-c", folder / "hub.conf"], stderr=subprocess.PIPE, text=True) as broker:
            said = ""
            for line in broker.stderr:
                said += line
                if " running" in line:
                    end(broker)
                    break
        assert "ev=ready" in said and word in said and "ev=directory_opened" in said, said


def test_the_gateways_examples(folder: pathlib.Path) -> None:
    whole, hub = blocks("gateway.md", "jsonc")[:2]
    bus = '"buses": [{"name": "a", "port": "tty:/dev/ttyS0", "devices": [{"name": "m", "unit": 1, "profile": "busward-receiver"}]}]'
    (folder / "example.key").write_text("MDEyMzQ1Njc4OWFiY2RlZg==")
    (folder / "example.key").chmod(0o600)
    for text in (whole, '{"gateway": {"id": "store-1", "data_dir": "/d"}, ' + hub + ", " + bus + "}"):
        text = re.sub(r'"key_file": "[^"]*"', f'"key_file": "{folder}/example.key"', text)
        (folder / "example.json").write_text(text)
        done = subprocess.run([BUILD / "apps/cli/busward", "check", "--profiles", SOURCE / "profiles", folder / "example.json"],
                              capture_output=True, text=True)
        assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout + done.stderr, done


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="busward-docs-") as name:
        for test in (test_what_the_blocks_call_is_installed, test_waiting_ends, test_a_system_by_hand,
                     test_the_hubs_examples, test_the_gateways_examples):
            test(pathlib.Path(name))
            print(f"ok {test.__name__}", flush=True)


main()
