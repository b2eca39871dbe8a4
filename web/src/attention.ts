// SPDX-License-Identifier: Apache-2.0
// Whether somebody looks at the page, as a machine in the caller's time.
//
//   here --hide--> glance --GLANCE_MS--> away --show--> here
//                  glance --show--> here (as if nothing had been)
//
// Who looks at another tab for a moment has not left. A page that was opened hidden begins away.

export const GLANCE_MS = 10_000;

/** What has to be done: close what costs others, or open it and load anew what is shown. */
export type Move = "leave" | "return" | null;

export class Attention {
  private leaveAtMs: number | null = null;
  private away: boolean;

  constructor(hidden: boolean) {
    this.away = hidden;
  }

  get isHere(): boolean {
    return !this.away;
  }

  /** When tick is due; null: not before an input. */
  get deadlineMs(): number | null {
    return this.leaveAtMs;
  }

  hide(nowMs: number): Move {
    const move = this.tick(nowMs);
    if (!this.away) this.leaveAtMs ??= nowMs + GLANCE_MS;
    return move;
  }

  /** A timer that slept with the machine comes before this: then what is open is not believed. */
  show(nowMs: number): Move {
    this.tick(nowMs);
    this.leaveAtMs = null;
    const move = this.away ? "return" : null;
    this.away = false;
    return move;
  }

  tick(nowMs: number): Move {
    if (this.leaveAtMs === null || nowMs < this.leaveAtMs) return null;
    this.leaveAtMs = null;
    this.away = true;
    return "leave";
  }
}
