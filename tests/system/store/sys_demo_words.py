#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the demo's words stand for events that the parts really log. Method: each event's name is in a log call of its part."""

import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path.insert(0, str(SOURCE / "tools"))

from demo import PLAIN  # noqa: E402

FOLDERS = {"gateway": ("apps/gateway", "port/linux"), "hub": ("apps/hub",), "cloud": ("apps/cloud",)}


def main() -> int:
    missing = []
    for part, module, event in PLAIN:
        text = "\n".join(path.read_text() for folder in FOLDERS[part] for path in sorted((SOURCE / folder).rglob("*.c")))
        if not re.search(rf'"{event}"', text) or not re.search(rf'"{module}"', text):
            missing.append(f"{part} logs no mod={module} ev={event}")
    print("\n".join(missing) or f"all {len(PLAIN)} events of the demo's words are logged")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
