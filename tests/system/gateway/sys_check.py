#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every mistake is named at once, with its place and what would be right; schemas and profiles are current.

Goal: `busward check` says of each file in bad/ exactly what expected/ holds. Method: goldens; after a wanted change run
with --write and read the difference. What is no file to read is made here, since no folder or right survives a checkout.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parents[2]
BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", SOURCE / "build" / "host"))
BUSWARD = BUILD / "apps" / "cli" / "busward"


NOBODY = 65534
FILE_SIZE_MAX = 4 << 20


def busward(*arguments: str, program: pathlib.Path = BUSWARD, user: int | None = None) -> tuple[int, str]:
    done = subprocess.run([program, *arguments], cwd=HERE, capture_output=True, text=True, timeout=60, check=False, user=user)
    return done.returncode, done.stdout + done.stderr


def unreadable_files(folder: pathlib.Path) -> list[str]:
    """What is wrong with the answers to what is no configuration at all."""
    good = json.dumps({"gateway": {"id": "g", "data_dir": "/tmp/g"}, "buses": [
        {"name": "a", "port": "tty:/dev/ttyS0", "devices": [{"name": "m", "unit": 1, "profile": "sunspec-common"}]}]})
    (folder / "empty.json").touch()
    (folder / "blank.json").write_text("// nothing\n")
    (folder / "large.json").write_text(good.ljust(FILE_SIZE_MAX + 1))
    (folder / "largest.json").write_text(good.ljust(FILE_SIZE_MAX))
    os.mkfifo(folder / "fifo")
    secret = folder / "secret.json"
    secret.write_text(good)
    secret.chmod(0)
    folder.chmod(0o755)
    # Root reads everything, and nobody may not come where root builds.
    theirs = {"user": NOBODY, "program": pathlib.Path(shutil.copy(BUSWARD, folder))} if os.geteuid() == 0 else {}
    said = {"": "error: is a folder or a device; expected a file with a JSON object",
            "fifo": "error: is a folder or a device; expected a file with a JSON object",
            "none.json": "error: is not there: no file has this name",
            "empty.json": "error: is empty; expected a JSON object",
            "blank.json": "2:1: error: expected a value, found the end of the text",
            "large.json": "error: is larger than a file may be, 4096 KiB",
            "secret.json": "error: must not be read by this user: the owner may allow it (chmod)"}
    problems = []
    for name, message in said.items():
        path = folder / name
        code, text = busward("check", str(path), **(theirs if path == secret else {}))
        place = f"{path}:" if message[0].isdigit() else f"{path}: "
        if code != 1 or text != f"{place}{message}\n{path}: 1 error, 0 warnings\n":
            problems.append(f"{name}: exit code {code}: {text}")
    code, text = busward("check", "--profiles", "../../../profiles", str(folder / "largest.json"))
    if code != 0:
        problems.append(f"the largest file that may be: {text}")
    return problems


def main() -> int:
    problems = []
    for path in sorted((HERE / "bad").glob("*.json")):
        code, text = busward("check", "--profiles", "../../../profiles", f"bad/{path.name}")
        golden = HERE / "expected" / f"{path.stem}.txt"
        if "--write" in sys.argv:
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(text)
        if golden.read_text() != text:
            problems.append(f"{path.name}: not as expected:\n{text}")
        if (code != 0) != (": error: " in text):
            problems.append(f"{path.name}: exit code {code}")
    code, text = busward("check", "--desired", "desired/wrong.json", "bad/overload.json")
    golden = HERE / "expected" / "desired.txt"
    if "--write" in sys.argv:
        golden.write_text(text)
    if code != 1 or golden.read_text() != text:
        problems.append(f"desired/wrong.json: not as expected:\n{text}")
    for kind, file in (("config", "docs/config.schema.json"), ("profile", "profiles/profile.schema.json")):
        code, text = busward("schema", kind)
        json.loads(text)
        if code != 0 or text != (SOURCE / file).read_text():
            problems.append(f"{file} is not current: busward schema {kind} > {file}")
    code, text = busward("keys", "methods", "--markdown")
    if code != 0 or text not in (SOURCE / "docs/methods.md").read_text():
        problems.append("docs/methods.md does not hold what `busward keys methods --markdown` prints")
    shipped = [str(p) for p in sorted((SOURCE / "profiles").glob("*.json")) if p.name != "profile.schema.json"]
    code, text = busward("check", *shipped)
    if code != 0:
        problems.append(text)
    with tempfile.TemporaryDirectory() as folder:
        problems += unreadable_files(pathlib.Path(folder))
    print("\n".join(problems) or "all as expected")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
