#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole store whose line is driven by the real-time core's own program, in the model of its chip.

Goal: what the core's stamps say is stored once, whatever dies; the driver is never let go early, and no frame breaks the
silence. Method: core, gateway and the line with its core are killed or reset in turn while samples flow. Judged by the
line's own log of replies, the journal's sync trace, and the model's shift register; then the page's diagnostics must say
what the line's judge says.
"""

import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from sys_store_kill import HEAL_S, REPLY_US, fresh_value, settle  # noqa: E402
from world.judge import Judge  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

STORE = Store(sensors=8, report_s=2, sync_ms=200, max_age_ms=500, poll_ms=500, stale_after_s=30, phases=True, core=True,
              diagnostics_s=2, reply_timeout_ms=1000)
BLOWS = [("line", signal.SIGUSR1), ("gateway", signal.SIGKILL), ("line", signal.SIGKILL), ("line", signal.SIGUSR1)]
GUARD_BITS = 1.5
HOLD_OFF_BITS = 0.1  # the shipped guard may be exceeded by so much at this speed
JOURNALLED_MIN = 60
FRAMES_MIN = 25


def figures(world: World) -> dict[str, float]:
    """Figures of the bus and its only unit on the page, by name."""
    areas = world.api.overview(world.site.device_id)["diagnostics"]
    points = [point for area in areas for part in area["sensors"] for point in part["points"]]
    return {point["name"]: point["value"] for point in points if point["quality"] == "good"}


def strike(world: World, part: str, blow: int, deaths_us: list[int]) -> None:
    world.parts[part].signal(blow)
    deaths_us.append(time.monotonic_ns() // 1000 + REPLY_US)
    struck_ms = time.time_ns() // 1_000_000
    world.wait_for(lambda: fresh_value(world, struck_ms), HEAL_S, f"recovery of the {part} from signal {blow}")
    print(f"{part}, signal {blow}: healed after {time.time() - struck_ms / 1000:.1f} s", flush=True)


def judge_figures(world: World) -> list[str]:
    """What the page says of the line, against what is known of it."""
    shown: dict[str, float] = {}

    def complete() -> bool:
        shown.update(figures(world))
        # A span in which the line was away says 0 % of it: the next one tells.
        return {"driver_hold", "early_releases", "core_restarts", "clock_error", "turnaround"} <= shown.keys() and shown.get("utilisation")

    world.wait_for(complete, HEAL_S, "figures of the core on the page")
    print("the page says: " + ", ".join(f"{name} {value}" for name, value in sorted(shown.items())))
    bad = []
    if not GUARD_BITS <= shown["driver_hold"] <= GUARD_BITS + HOLD_OFF_BITS:
        bad.append(f"the page shows a driver hold of {shown['driver_hold']} bits")
    if shown["early_releases"] != 0:
        bad.append(f"the page shows {shown['early_releases']} early releases")
    if not 0 < shown["utilisation"] <= 100:
        bad.append(f"the page shows a utilisation of {shown['utilisation']} %")
    return bad


def wait_for_frames(world: World) -> None:
    """The line's last life is long enough to judge."""
    def complete() -> bool:
        world.parts["line"].signal(signal.SIGUSR2)  # report now
        return json.loads(world.site.line_report.read_text())["de"]["frames"] >= FRAMES_MIN

    world.wait_for(complete, HEAL_S, "frames to judge")


def judge_line(world: World) -> list[str]:
    """The wire's own judge, of the line's last life."""
    world.parts["line"].stop()
    report = json.loads(world.site.line_report.read_text())
    driver = report["de"]
    print(f"the line says: {report['requests']} requests, driver {driver}")
    bad = [f"{driver[name]} frames {name}" for name in ("early", "undriven", "damaged", "silence") if driver[name] != 0]
    if report["violations"] or driver["frames"] < FRAMES_MIN:
        bad.append(f"{report['violations']} silences broken in {driver['frames']} frames")
    return bad


def main() -> int:
    deaths_us: list[int] = []
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), STORE) as world:
        judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace,
                      {entry["name"]: entry["slot"] for entry in sensor_entries(STORE.sensors)})
        world.log_in()
        world.first_value()
        for part, blow in BLOWS:
            strike(world, part, blow, deaths_us)
        bad = judge_figures(world)
        wait_for_frames(world)
        world.parts["receiver"].stop()
        verdict, missed = settle(world, judge, deaths_us)
        repeated = judge.repeated()
        bad += judge_line(world)
        print(f"{verdict.text()}, reports not journalled {len(missed)}, twice {len(repeated)}")
        for text in [*bad, *repeated[:5], *missed[:5], *verdict.lost[:5], *verdict.wrong[:5], *verdict.invented[:5]]:
            print("  " + text)
        good = verdict.good() and not bad and not missed and not repeated and verdict.journalled >= JOURNALLED_MIN
        if not good:
            print(world.last_lines(10))
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
