#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the packages of each part hold what docs/deploy.md says, need what they link, and start; the units of deploy/linux start what
there is, with options that there are, in a sandbox that stays tight. Method: packages made of this build and unpacked into a root folder;
their own scripts run on it, the loader's and dpkg's word on what is linked, systemd's checkers, a broker with the plugin, each example
given to its program."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path.insert(0, str(SOURCE / "tools"))

import packages as deb  # noqa: E402
from packages import Package, run  # noqa: E402
from world import certs  # noqa: E402
from world.ports import free_port  # noqa: E402

DEPLOY = SOURCE / "deploy/linux"
UNITS = sorted(DEPLOY.glob("*.service"))
PROGRAMS = {"busward": {"/usr/bin/busward"}, "busward-gateway": {"/usr/bin/busward-gateway"}, "busward-cloud": {"/usr/bin/busward-cloud"},
            "busward-hub": {"/usr/bin/busward-hub", "/usr/lib/busward/busward_hub.so"}}
NEEDS = {"busward": {"tzdata"}, "busward-gateway": {"busward", "systemd"}, "busward-hub": {"mosquitto", "systemd"},
         "busward-cloud": {"tzdata", "systemd"}}  # beside libraries
EXPOSURE_MAX = {"busward-gateway.service": 21}  # of 100: it has serial lines; the others:
EXPOSURE_MAX_PLAIN = 12
PLACES = {  # where each file of deploy/linux goes, docs/deploy.md
    **{unit.name: f"usr/lib/systemd/system/{unit.name}" for unit in UNITS},
    "sysusers-hub.conf": "usr/lib/sysusers.d/busward-hub.conf", "sysusers-gateway.conf": "usr/lib/sysusers.d/busward-gateway.conf",
    "tmpfiles-hub.conf": "usr/lib/tmpfiles.d/busward-hub.conf", "tmpfiles-cloud.conf": "usr/lib/tmpfiles.d/busward-cloud.conf",
    "tmpfiles-gateway.conf": "usr/lib/tmpfiles.d/busward-gateway.conf", "gateway.json": "etc/busward/gateway.json",
    "hub.conf": "etc/busward/hub.conf", "dps.conf": "etc/busward/dps.conf",
    "busward-hub.env": "etc/busward/busward-hub.env", "busward-cloud.env": "etc/busward/busward-cloud.env",
    "gateway-credential.conf": "usr/share/doc/busward-gateway/gateway-credential.conf"}


def check_packages(made: dict[str, Package]) -> None:
    """What they hold, where, with which modes; and that no two hold the same file."""
    assert set(made) == set(PROGRAMS), set(made)
    held: dict[str, str] = {}
    for name, package in made.items():
        for entry in package.entries:
            wanted = "drwxr-xr-x" if entry.mode[0] == "d" else "-rwxr-xr-x" if entry.path.startswith("/usr/bin/") else "-rw-r--r--"
            assert entry.owner == "root/root" and entry.mode == wanted, (name, entry)
            assert entry.time == deb.EPOCH_TEXT, (name, entry)  # the same tree gives the same bytes
        for entry in package.files():
            assert entry.path not in held, (entry.path, name, held[entry.path])
            held[entry.path] = name
        assert {path for path, whose in held.items() if whose == name and re.match("/usr/(bin|lib/busward)/", path)} == PROGRAMS[name]
        assert held.get(f"/usr/share/doc/{name}/copyright") == name, name
    for place in PLACES.values():
        assert f"/{place}" in held, place
    assert {path.name for path in DEPLOY.iterdir()} == set(PLACES)
    profiles = {path.name for path in (SOURCE / "profiles").glob("*.json")}
    assert profiles == {path.rsplit("/", 1)[1] for path in held if path.startswith("/etc/busward/profiles/")}, profiles


def check_cmake_install(made: dict[str, Package], folder: pathlib.Path) -> None:
    """Without packages the same files come to the same places."""
    for part, name in (("cli", "busward"), ("gateway", "busward-gateway"), ("hub", "busward-hub"), ("cloud", "busward-cloud")):
        root = folder / part
        run("cmake", "--install", deb.BUILD, "--component", part, env={**os.environ, "DESTDIR": str(root)})
        files = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file()}
        assert files == {entry.path for entry in made[name].files()}, part


def check_settings(made: dict[str, Package], folder: pathlib.Path) -> None:
    """dpkg keeps what the administrator changed in /etc, and nothing else."""
    for package in made.values():
        listed = (package.control(folder) / "conffiles").read_text().split()
        assert sorted(listed) == sorted(entry.path for entry in package.files() if entry.path.startswith("/etc/")), package.name


def check_dependencies(made: dict[str, Package], root: pathlib.Path) -> None:
    document = (SOURCE / "docs/deploy.md").read_text()
    for name, package in made.items():
        depends = package.depends()
        linked = {library for path in PROGRAMS[name] for library in deb.linked_packages(root / path.lstrip("/"))}
        assert linked | NEEDS[name] == set(depends), (name, linked, depends)
        assert all("(>=" in depends[library] for library in linked - {"libasan8"}), depends
        row = re.search(rf"^\| `{name}` \|.*\| ([^|]+) \|$", document, re.M)
        told = set(re.findall(r"`([\w.+-]+)`", row[1]))
        # without sanitizers the linker leaves out what is not called
        untold = [word for word in depends if word not in told and not re.match("libevent-|libasan|libubsan", word)]
        assert told <= set(depends) and not untold, (name, told, depends)
    assert made["busward-gateway"].depends()["busward"] == f"busward (= {made['busward'].field('Version')})"


def check_programs(made: dict[str, Package], root: pathlib.Path) -> None:
    for name, package in made.items():
        assert run(root / f"usr/bin/{name}", "--version") == f"{name} {package.field('Version')}\n"
    page = root / "usr/share/busward/web"
    linked = re.findall(r'(?:src|href)="/([^"]+)"', (page / "index.html").read_text())
    assert linked and all((page / name).exists() for name in linked), linked


def check_broker(root: pathlib.Path, folder: pathlib.Path) -> None:
    """The packed example and the packed plugin, in mosquitto."""
    certs.make_authority(folder)
    certs.make_server(folder, "hub")
    run(root / "usr/bin/busward-hub", "group", "add", "--data-dir", folder, "--id", "stores", "--out", folder / "stores.key")
    conf = (root / "etc/busward/hub.conf").read_text()
    for old, new in (("/etc/busward", folder), ("/var/lib/busward-hub", folder), ("/run/busward-hub", folder), ("8883", free_port()),
                     ("/usr/lib/busward", root / "usr/lib/busward")):
        assert old in conf, old
        conf = conf.replace(old, str(new))
    (folder / "hub.conf").write_text(conf + ("user root\n" if os.geteuid() == 0 else ""))
    with subprocess.Popen(["mosquitto", "-c", folder / "hub.conf"], stderr=subprocess.PIPE, text=True) as broker:
        said = ""
        for line in broker.stderr:
            said += line
            if " running" in line:
                broker.kill()
                break
    assert "ev=ready" in said and "ev=directory_opened" in said, said


def install(made: dict[str, Package], root: pathlib.Path) -> None:
    for package in made.values():
        package.unpack(root)
    for place in ("/usr/sbin/mosquitto", "/bin/kill"):
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place, target)  # a link would be followed inside the root
    units = root / "usr/lib/systemd/system"
    shutil.copytree("/usr/lib/systemd/system", units, symlinks=True, dirs_exist_ok=True)  # the targets that ours name


def settings(unit: pathlib.Path) -> list[tuple[str, str]]:
    text = unit.read_text().replace("\\\n", " ")
    return [tuple(line.split("=", 1)) for line in text.splitlines() if "=" in line and not line.startswith("#")]


def options_of(*command: str) -> set[str]:
    return set(re.findall(r"^  (--[a-z-]+)", run(*command, "--help"), re.M))


def check_options(root: pathlib.Path) -> None:
    """Every option and variable of ExecStart= exists, and every file that a unit names is one that the documents or a unit make."""
    for unit in UNITS:
        found = settings(unit)
        program, *words = dict(found)["ExecStart"].split()
        if program != "/usr/sbin/mosquitto":
            command = [root / program.lstrip("/"), *(words[:1] if not words[0].startswith("-") else [])]
            unknown = {word for word in words if word.startswith("--")} - options_of(*command)
            assert not unknown, f"{unit.name}: {unknown}"
        used = set(re.findall(r"\$\{(\w+)\}", " ".join(words)))
        environment = dict(found).get("EnvironmentFile")
        given = set()
        if environment:
            assert environment.lstrip("/") in PLACES.values(), environment
            given = set(re.findall(r"^(\w+)=", (DEPLOY / pathlib.Path(environment).name).read_text(), re.M))
        assert used == given, f"{unit.name} uses {used}, its environment file gives {given}"


def check_units(root: pathlib.Path) -> None:
    said = run("systemd-analyze", "verify", "--man=no", "--generators=no", f"--root={root}", *(unit.name for unit in UNITS))
    ours = [line for line in said.splitlines() if "busward" in line]
    assert not ours, "\n".join(ours)
    for unit in UNITS:
        most = EXPOSURE_MAX.get(unit.name, EXPOSURE_MAX_PLAIN)
        told = run("systemd-analyze", "security", "--offline=yes", f"--threshold={most}", unit)
        # the order of SystemCallFilter= counts: the gateway may ask whether the clock is right, the others may not
        assert ("adjtimex is allowed" in told) == (unit.name == "busward-gateway.service"), told


def check_scripts(made: dict[str, Package], root: pathlib.Path, folder: pathlib.Path) -> None:
    """The packages' own scripts make the users and folders that the units name; away from a running systemd they touch nothing else."""
    environment = {**os.environ, "DPKG_ROOT": str(root)}
    for name, package in made.items():
        control = package.control(folder)
        scripts = [control / script for script in ("postinst", "prerm", "postrm") if (control / script).exists()]
        assert len(scripts) == (0 if name == "busward" else 3), name
        for script, words in zip(scripts, (["configure", ""], ["remove"], ["remove"])):
            run(script, *words, env=environment)
        ours = {entry.path.rsplit("/", 1)[1] for entry in package.files() if entry.path.endswith(".service")}
        assert not ours or ours == set(re.findall(r"busward-\w+\.service", (control / "prerm").read_text())), name
    users = (root / "etc/passwd").read_text()
    wanted = {value for unit in UNITS for key, value in settings(unit) if key == "User"}
    assert wanted == set(re.findall(r"^(busward-\w+):", users, re.M)), users
    folders = dict(re.findall(r"^d (\S+) 0700 (busward-\w+) ", "".join(path.read_text() for path in DEPLOY.glob("tmpfiles-*")), re.M))
    needed = {value for unit in UNITS for key, value in settings(unit) if key == "ReadWritePaths"}
    assert needed and needed <= set(folders), f"a unit does not start without {needed - set(folders)}"
    for path, user in folders.items():
        found = (root / path.lstrip("/")).stat()
        assert found.st_mode & 0o777 == 0o700 and f"{user}:x:{found.st_uid}:" in users, path


def check_examples(root: pathlib.Path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```$", (SOURCE / "docs/hub.md").read_text(), re.S | re.M)
    for name, block in zip(("hub.conf", "dps.conf"), blocks):  # which sys_by_hand starts
        assert (DEPLOY / name).read_text() == block, f"deploy/linux/{name} is not what docs/hub.md says"
    told = run(root / "usr/bin/busward", "check", root / "etc/busward/gateway.json")
    assert "0 errors, 0 warnings" in told, told
    document = (SOURCE / "docs/deploy.md").read_text()
    for name in PLACES:
        assert f"`{name}`" in document, f"docs/deploy.md does not name {name}"


def main() -> None:
    if not shutil.which("systemd-analyze"):
        sys.exit("systemd-analyze is missing: ./dev setup, or apt-get install systemd")
    with tempfile.TemporaryDirectory(prefix="busward-deploy-") as name:
        root, work = pathlib.Path(name) / "root", pathlib.Path(name) / "work"
        os.chmod(name, 0o755)
        root.mkdir()
        work.mkdir()
        made = deb.make(pathlib.Path(name) / "packages")
        install(made, root)
        for check, arguments in ((check_packages, [made]), (check_settings, [made, work / "a"]),
                                 (check_cmake_install, [made, work / "destdir"]), (check_dependencies, [made, root]),
                                 (check_programs, [made, root]), (check_broker, [root, work / "broker"]), (check_options, [root]),
                                 (check_units, [root]), (check_scripts, [made, root, work / "b"]), (check_examples, [root])):
            for folder in arguments:
                if isinstance(folder, pathlib.Path):
                    folder.mkdir(exist_ok=True)
            check(*arguments)
            print(f"ok {check.__name__}", flush=True)


main()
