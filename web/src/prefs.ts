// SPDX-License-Identifier: Apache-2.0
// What this browser remembers: language, colours, view. Private windows may refuse; then nothing is kept.
import { useCallback, useState } from "preact/hooks";

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`busward.${name}`);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`busward.${name}`, value);
  } catch {
    // Nothing depends on it.
  }
}

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];
export const THEME_CHANGED = "busward:theme";

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event(THEME_CHANGED));
}

/** State that survives a reload; anything but one of `values` counts as the first of them. */
export function usePref<T extends string>(name: string, values: readonly T[]) {
  const [value, setValue] = useState<T>(() => {
    const kept = recall(name);
    return values.find((each) => each === kept) ?? (values[0] as T);
  });
  const change = useCallback(
    (next: T) => {
      keep(name, next);
      setValue(next);
    },
    [name],
  );
  return [value, change] as const;
}
