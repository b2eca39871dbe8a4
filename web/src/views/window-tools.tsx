// SPDX-License-Identifier: Apache-2.0
// The span of time on view: state, wishes and buttons.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import {
  clamp,
  lastSpan,
  PRESETS,
  type Preset,
  pan,
  span,
  type Window,
  zoomAt,
} from "../chart/window";
import { serverNow } from "../clock";
import { useTongue } from "../context";
import { Choice } from "./parts";

export interface WindowState {
  window: Window;
  /** The chosen button; null after zooming by hand. */
  preset: Preset | null;
  /** The end moves with the clock. */
  following: boolean;
}

export interface WindowActions {
  choose(preset: Preset): void;
  set(window: Window): void;
  zoom(factor: number, share: number): void;
  pan(share: number): void;
  toNow(): void;
  reset(): void;
}

const FOLLOW_STEPS = 600;
const FOLLOW_MIN_MS = 1000;

const start = (preset: Preset): WindowState => ({
  window: lastSpan(preset, serverNow()),
  preset,
  following: true,
});

/** `pulse` changes with every live sample: a window that follows moves on with it. */
export function useWindow(initial: Preset, pulse: number | null): [WindowState, WindowActions] {
  const [state, setState] = useState<WindowState>(() => start(initial));
  const [home, setHome] = useState<Preset>(initial);

  useEffect(() => {
    setState((old) => {
      const now = serverNow();
      const due = Math.max(FOLLOW_MIN_MS, span(old.window) / FOLLOW_STEPS);
      if (!old.following || now - old.window.to < due) return old;
      return { ...old, window: { from: now - span(old.window), to: now } };
    });
  }, [pulse]);

  const change = useCallback((next: (window: Window, now: number) => Window) => {
    setState((old) => {
      const now = serverNow();
      const window = clamp(next(old.window, now), now);
      // Touching the present means to follow it.
      return { window, preset: null, following: now - window.to < span(window) / 100 };
    });
  }, []);

  const actions = useMemo<WindowActions>(
    () => ({
      choose: (preset) => {
        setHome(preset);
        setState(start(preset));
      },
      set: (window) => change(() => window),
      zoom: (factor, share) =>
        change((old, now) => zoomAt(old, factor, old.from + span(old) * share, now)),
      pan: (share) => change((old, now) => pan(old, share, now)),
      toNow: () => change((old, now) => ({ from: now - span(old), to: now })),
      reset: () => setState(start(home)),
    }),
    [change, home],
  );
  return [state, actions];
}

export function WindowTools({ state, actions }: { state: WindowState; actions: WindowActions }) {
  const { t, format } = useTongue();
  const { window } = state;
  const length = span(window);
  const presets = Object.keys(PRESETS) as Preset[];
  const button = (text: string, label: string, run: () => void) => (
    <button type="button" aria-label={label} title={label} onClick={run}>
      {text}
    </button>
  );
  return (
    <div class="tools window-tools">
      <Choice
        label={t("trend.range")}
        value={state.preset}
        onChange={actions.choose}
        options={presets.map((each) => [each, t(`trend.${each}`)] as const)}
      />
      <fieldset class="choice">
        <legend class="unseen">{t("trend.move")}</legend>
        {button("◂", t("trend.earlier"), () => actions.pan(-0.5))}
        {button("−", t("trend.out"), () => actions.zoom(2, 0.5))}
        {button("+", t("trend.in"), () => actions.zoom(0.5, 0.5))}
        {button("▸", t("trend.later"), () => actions.pan(0.5))}
      </fieldset>
      <button type="button" aria-pressed={state.following} onClick={actions.toNow}>
        {state.following ? t("trend.following") : t("trend.now")}
      </button>
      <p class="calm window-span">
        {format.stampFor(window.from, length)} – {format.stampFor(window.to, length)}
      </p>
    </div>
  );
}
