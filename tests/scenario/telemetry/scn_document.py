#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol/telemetry.md tells the truth: its decoder reads what the encoder wrote, its examples are JSON.

Usage: scn_document.py telemetry.md dump_messages. The dump prints a line of expected samples after each message.
"""

import json
import pathlib
import re
import subprocess
import sys

LINES_MAX = 30


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def sample_key(sample: list) -> str:
    """Comparable whatever the order in which a message groups its samples, and whether 5 was written 5.0."""
    index, ms, value, quality = sample
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53:
        value = float(value)
    return json.dumps([index, ms, value, quality])


def main() -> int:
    document = pathlib.Path(sys.argv[1]).read_text()
    examples = [json.loads(text) for text in blocks(document, "json")]
    assert {example["k"] for example in examples} == {"s", "c", "e"}, "an example for each kind"
    [source] = blocks(document, "python")
    code_lines = [line for line in source.splitlines() if line.strip()]
    assert len(code_lines) <= LINES_MAX, f"{len(code_lines)} lines"
    names: dict = {}
    exec(source, names)  # noqa: S102
    decode = names["decode"]

    shown = list(decode(json.dumps(next(example for example in examples if example["k"] == "s"))))
    assert shown[:3] == [(0, 1763942407000, 412, "good"), (0, 1763942467000, 409, "good"), (0, 1763942528000, 410, "good")], shown

    lines = subprocess.run([sys.argv[2]], check=True, capture_output=True, text=True).stdout.splitlines()
    messages = samples = 0
    for message, expected_text in zip(lines[::2], lines[1::2], strict=True):
        expected = sorted(sample_key(sample) for sample in json.loads(expected_text))
        decoded = sorted(sample_key(list(sample)) for sample in decode(message))
        assert decoded == expected, f"message {messages}: {set(decoded) ^ set(expected)}"
        messages += 1
        samples += len(decoded)
    assert messages > 20 and samples > 5000, (messages, samples)
    print(f"{samples} samples in {messages} messages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
