#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every mistake is named at once, with its place and what would be right; schemas and profiles are current.

Goal: `busward check` says of each file in bad/ exactly what expected/ holds. Method: goldens; after a wanted change run
with --write and read the difference.
"""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parents[2]
BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", SOURCE / "build" / "host"))
BUSWARD = BUILD / "apps" / "cli" / "busward"


def busward(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([BUSWARD, *arguments], cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


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
    for kind, file in (("config", "docs/config.schema.json"), ("profile", "profiles/profile.schema.json")):
        code, text = busward("schema", kind)
        json.loads(text)
        if code != 0 or text != (SOURCE / file).read_text():
            problems.append(f"{file} is not current: busward schema {kind} > {file}")
    shipped = [str(p) for p in sorted((SOURCE / "profiles").glob("*.json")) if p.name != "profile.schema.json"]
    code, text = busward("check", *shipped)
    if code != 0:
        problems.append(text)
    print("\n".join(problems) or "all as expected")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
