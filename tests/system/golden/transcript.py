# SPDX-License-Identifier: Apache-2.0
"""What a gateway and its hub said to each other, in sections that a test names, and compared with the kept one.

What runs beside something else has a channel of its own, since its order against the other is chance; in a channel order
counts. Of telemetry, which goes on all the time, each shape stands once. What is different in each run (times, hashes, request
ids, measured values, the folder and ports of the test) is replaced by what it is.
"""
import difflib
import json
import os
import pathlib
import re
import sys
import threading
import time

from hub_world import DEADLINE_S

GOLDEN = pathlib.Path(os.environ["BUSWARD_SOURCE"]) / "tests/vectors/azure_gateway_transcript.txt"
RANK = ("dps connection", "registration", "hub connection", "twin", "twin, reported", "twin, desired", "methods", "messages", "telemetry")
EXPIRY_STEP_S = 300

TEXTS = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"\d{4}-\d\d-\d\dT\d\d(:|%3A)\d\d(:|%3A)\d\d(\.\d+)?Z", "<time>"),
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"\b[0-9a-f]{16}\b", "<hash>"),
    (r"\$rid=[^& ]*", "$rid=<rid>"),
    (r"&n=\d+", "&n=<n>"),
    (r'"version":"\d+\.\d+\.\d+[^"]*"', '"version":"<release>"'),
    (r"end(s?) \d{4}-\d\d-\d\d, in \d+ days", r"end\1 <day>, in <n> days"),
    (r'"at":\d{13}', '"at":"#"'),
    (r"operationId=[^& ]*", "operationId=<operation>"),
    (r"/res/204/\?\$rid=<rid>&\$version=\d+", "/res/204/?$rid=<rid>&$version=<version>"),
    (r"%24\.mid=[^& ]*", "%24.mid=<message>"),
    (r'("job":\{[^{}]*\},"\$version":)\d+', r'\1"<version>"'),  # a job reports on its way: how often is chance
)


def plain(text):
    for pattern, name in TEXTS:
        text = re.sub(pattern, name, text)
    return text


def shape(value):
    """What kinds of values stand where; a list as the different kinds in it."""
    if isinstance(value, dict):
        return {key: "counts" if key == "outcomes" else shape(each) for key, each in value.items()}  # which there are is chance
    if isinstance(value, list):
        kinds = []
        for each in map(shape, value):
            if each not in kinds:
                kinds.append(each)
        return kinds
    if value is None or isinstance(value, bool):
        return "bool" if value is not None else None
    return "#" if isinstance(value, (int, float)) else "text"


def dump(value):
    return plain(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def is_column(column):
    """As docs/protocol/telemetry.md has it."""
    if isinstance(column, dict):
        return len(set(column) & set("dsba")) == 1 and set(column) <= set("dsbaeq")
    return isinstance(column, (list, int, float))


def telemetry(topic, body):
    """The lines of a D2C message."""
    if "&t=flight&" in topic:
        return [(re.sub(r"id=[^&]*", "id=<id>", topic), "<flight record>")]
    message = json.loads(body)
    assert message["v"] == 1 and f"&t={message['k']}&" in topic, (topic, message)
    head = {key: value if key in ("v", "k", "c") else "#" for key, value in message.items() if key not in ("i", "g", "e", "boot")}
    if message["k"] == "s":
        for index, times, *columns in message["g"]:
            assert isinstance(index, (int, list)) and isinstance(times, (int, list)), message
            assert columns and all(map(is_column, columns)), message
        assert isinstance(message.get("i", 0), int)
        return [(topic, dump({**head, "i": "# or absent", "g": [["index", "times", "columns"]]}))]
    if message["k"] == "e":
        return [(topic, dump({**head, "e": [shape_event(event)]})) for event in message["e"]]
    return [(topic, dump({**{k: v for k, v in message.items() if k != "p"}, "p": shape(message["p"])}))]


def shape_event(event):
    return [each if isinstance(each, str) else shape(each) for each in event] if isinstance(event, list) else {
        key: value if isinstance(value, str) else shape(value) for key, value in event.items()}


class Entry:
    def __init__(self, client, section, channel, connection, lines, raw):
        self.client, self.section, self.channel, self.connection = client, section, channel, connection
        self.lines, self.raw, self.is_acknowledged = lines, raw, False

    def texts(self):
        return [line + (" (acknowledged)" if self.is_acknowledged else "") for line in self.lines]


class Transcript:
    def __init__(self):
        self.entries, self.sections, self.order, self.changed = [], {}, {}, threading.Condition()
        self.replaced, self.shapes, self.chancy = [], set(), set()

    def section(self, client, name, is_chancy=False):
        """Where what this client says and hears belongs from now on. Chancy: how often it tries is chance, and so is how long
        the token of a try lasts; each kind of connection stands once."""
        self.wait_answered(client)
        with self.changed:
            self.chancy |= {name} if is_chancy else set()
            self.sections[client] = self.order[name] = name

    def wait_answered(self, client):
        """Until all that this client reported on its last connection was answered."""
        def is_answered():
            entries = [e for e in self.entries if e.client == client]
            last = [e.raw for e in entries if e.connection == entries[-1].connection]
            asked = sum("/twin/PATCH/properties/reported/" in raw for raw in last)
            return asked == sum("/twin/res/204/" in raw for raw in last)
        with self.changed:
            assert self.changed.wait_for(is_answered, DEADLINE_S), "a report without an answer"

    def replace(self, text, name):
        self.replaced.append((text, name))

    def add(self, client, channel, said, connection):
        section = self.sections[client]  # who is that? then the test ends
        raw = said if isinstance(said, str) else f"{said[0]} {said[1]} {said[2].decode(errors='replace')}"
        lines = [self.line(said)] if isinstance(said, str) else self.published(channel, *said)
        entry = Entry(client, section, channel, connection, lines, raw)
        with self.changed:
            self.entries.append(entry)
            self.changed.notify_all()
        return entry

    def acknowledge(self, entry):
        with self.changed:
            entry.is_acknowledged = True
            self.changed.notify_all()

    def line(self, text):
        for old, name in self.replaced:
            text = text.replace(old, name)
        text = re.sub(r"(?<=&sig=)[^&]*", "<signature>", text)
        return plain(re.sub(r"(?<=&se=)\d+", self.expiry, text))

    @staticmethod
    def expiry(found):
        """From now, in minutes; a signature is good for hours."""
        minutes = round((int(found[0]) - time.time()) / EXPIRY_STEP_S) * EXPIRY_STEP_S // 60
        return f"<in {minutes} min>"

    def published(self, channel, head, topic, body):
        name = re.search(r"methods/POST/(\w+)/", topic)
        if name:
            self.is_shaped = name[1] in self.shapes
        if channel == "telemetry":
            pairs = telemetry(topic, body)
        elif body.startswith(b"{"):
            value = json.loads(body)
            if value.get("job", {}) and channel == "twin, reported" and value["job"]["state"] == "running":
                return []  # how often that is said is chance
            pairs = [(topic, dump(self.answer(channel, topic, value)))]
        else:
            pairs = [(topic, body.decode())]
        return [self.line(f"{head} {plain(t)} {b}".rstrip()) for t, b in pairs]

    def answer(self, channel, topic, value):
        if channel == "methods" and "/methods/res/" in topic and self.is_shaped:
            return shape(value)
        if channel == "registration":
            state = value.get("registrationState", value)
            for key in ("operationId", "etag", "trackingId"):
                for part in (value, state):
                    if key in part:
                        part[key] = f"<{key}>"
        return value

    def wait(self, pattern, section=None, count=1, acknowledged=False):
        def is_there():
            return sum(bool(re.search(pattern, e.raw)) and section in (None, e.section) and (e.is_acknowledged or not acknowledged)
                       for e in self.entries) >= count
        with self.changed:
            assert self.changed.wait_for(is_there, 2 * DEADLINE_S), f"in vain: {pattern}\n" + self.text()

    def text(self):
        """All sections, as the kept file has them."""
        out = []
        for section in self.order:
            out.append(f"== {section}\n")
            entries = [e for e in self.entries if e.section == section]
            assert all(e.channel in RANK for e in entries), entries
            for channel in RANK:
                lines = self.of_channel(channel, [e for e in entries if e.channel == channel], section in self.chancy)
                out += [f"-- {channel}\n"] + [f"{line}\n" for line in lines] if lines else []
        return "".join(out)

    @staticmethod
    def of_channel(channel, entries, is_chancy):
        if channel == "telemetry":
            lines = {line for e in entries for line in e.texts()}
            return sorted(line for line in lines if line + " (acknowledged)" not in lines)
        if not channel.endswith("connection"):
            lines = [line for e in entries for line in e.texts()]
            return list(dict.fromkeys(lines)) if is_chancy and channel in ("twin, reported", "twin, desired") else lines
        blocks = []  # of each connection; one that comes again and again stands once
        for number in dict.fromkeys(e.connection for e in entries):
            block = [line for e in entries if e.connection == number for line in e.texts()]
            if is_chancy:
                block = [re.sub(r"<in -?\d+ min>", "<in some min>", line) for line in block]
            if block not in (blocks if is_chancy else blocks[-1:]):
                blocks.append(block)
        return [line for block in blocks for line in block]


def compare(transcript, part):
    """Against the kept one, or into it with BUSWARD_GOLDEN=write."""
    new = transcript.text()
    old = re.split(r"^(?=== )", GOLDEN.read_text() if GOLDEN.exists() else "", flags=re.MULTILINE)
    ours = "".join(section for section in old if section.startswith(f"== {part}: "))
    if os.environ.get("BUSWARD_GOLDEN") == "write":
        others = [section for section in old[1:] if not section.startswith(f"== {part}: ")]
        sections = others + re.split(r"^(?=== )", new, flags=re.MULTILINE)[1:]
        order = {name: i for i, name in enumerate(("identity", "commands", "twin"))}
        sections.sort(key=lambda text: order[text[3:].partition(":")[0]])
        GOLDEN.write_text(old[0] + "".join(sections))
    elif new != ours:
        diff = difflib.unified_diff(ours.splitlines(True), new.splitlines(True), "kept", "heard")
        sys.exit("the gateway or the hub says something else than " + str(GOLDEN) + " (docs/testing.md: what to do)\n" + "".join(diff))
