// SPDX-License-Identifier: Apache-2.0
// A canvas cannot use CSS variables: this reads them as the colours they stand for right now.

const NAMES = [
  "text",
  "muted",
  "hairline",
  "trace",
  "envelope",
  "band",
  "edge",
  "alarm",
  "hatch",
] as const;
export type Palette = Record<(typeof NAMES)[number], string>;

export function readPalette(host: HTMLElement): Palette {
  const probe = document.createElement("span");
  host.append(probe);
  const palette = {} as Palette;
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    palette[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return palette;
}
