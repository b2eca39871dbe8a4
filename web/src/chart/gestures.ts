// SPDX-License-Identifier: Apache-2.0
// Wheel, fingers and keys on a chart. The mouse's drag is uPlot's own selection.

export interface Gestures {
  /** factor below 1 zooms in around a share of the plot's width (0 left, 1 right). */
  zoom(factor: number, share: number): void;
  /** By a share of the plot's width; positive is later. */
  pan(share: number): void;
  step(buckets: number): void;
  edge(side: "first" | "last"): void;
  reset(): void;
}

const WHEEL_PER_DOUBLING = 400;

function onWheel(host: HTMLElement, over: HTMLElement, act: Gestures): void {
  over.addEventListener(
    "wheel",
    (event) => {
      // The page must still scroll: without Ctrl the wheel zooms only a chart that was chosen first.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== host) return;
      event.preventDefault();
      const box = over.getBoundingClientRect();
      const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
      act.zoom(
        2 ** ((event.deltaY * step) / WHEEL_PER_DOUBLING),
        (event.clientX - box.left) / box.width,
      );
    },
    { passive: false },
  );
}

/** One finger moves the span, two pinch it; up and down still scroll the page (touch-action: pan-y). */
function onFingers(over: HTMLElement, act: Gestures): void {
  const fingers = new Map<number, number>();
  const spread = () => {
    const [a = 0, b = 0] = [...fingers.values()];
    return { middle: (a + b) / 2, width: Math.max(20, Math.abs(a - b)) };
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") return;
    fingers.set(event.pointerId, event.clientX);
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (last === undefined) return;
    const box = over.getBoundingClientRect();
    if (fingers.size === 1) {
      act.pan((last - event.clientX) / box.width);
      fingers.set(event.pointerId, event.clientX);
    } else if (fingers.size === 2) {
      const before = spread();
      fingers.set(event.pointerId, event.clientX);
      const after = spread();
      act.zoom(before.width / after.width, (after.middle - box.left) / box.width);
    }
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    over.addEventListener(type, (event) => fingers.delete(event.pointerId));
  }
}

function onKeys(host: HTMLElement, act: Gestures): void {
  const keys: Record<string, (event: KeyboardEvent) => void> = {
    ArrowLeft: (event) => (event.shiftKey ? act.pan(-0.25) : act.step(-1)),
    ArrowRight: (event) => (event.shiftKey ? act.pan(0.25) : act.step(1)),
    PageUp: () => act.pan(-1),
    PageDown: () => act.pan(1),
    Home: () => act.edge("first"),
    End: () => act.edge("last"),
    "+": () => act.zoom(0.5, 0.5),
    "=": () => act.zoom(0.5, 0.5),
    "-": () => act.zoom(2, 0.5),
    Escape: () => act.reset(),
  };
  host.addEventListener("keydown", (event) => {
    const run = keys[event.key];
    if (!run || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    run(event);
  });
}

export function listen(host: HTMLElement, over: HTMLElement, act: Gestures): void {
  onWheel(host, over, act);
  onFingers(over, act);
  onKeys(host, act);
  over.addEventListener("mousedown", () => host.focus({ preventScroll: true }));
}
