// SPDX-License-Identifier: Apache-2.0
// What every view needs: words, formats, and the words for points.
import { createContext } from "preact";
import { useContext, useMemo } from "preact/hooks";
import { type Format, makeFormat, usableZone } from "./format";
import {
  type Key,
  type Language,
  type Plural,
  plural,
  type Translate,
  translator,
  type Vars,
} from "./i18n";
import { isOn, isSwitch } from "./judge";
import type { Point, User } from "./types";
import { en } from "./words/en";

export interface Tongue {
  language: Language;
  t: Translate;
  count(base: Plural, n: number, vars?: Vars): string;
  format: Format;
  pointName(point: Point): string;
  value(point: Point): string;
  reason(reason: string): string;
}

const readable = (name: string) => {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export function makeTongue(language: Language, zone: string): Tongue {
  const t = translator(language);
  const format = makeFormat(language, zone);
  const known = (key: string): key is Key => Object.hasOwn(en, key);
  return {
    language,
    t,
    count: (base, n, vars) => plural(t, language, base, n, vars),
    format,
    // Names of the shipped profiles are translated; any other is the customer's own word.
    pointName: (point) => {
      const key = `${point.diagnostic ? "figure" : "point"}.${point.name}`;
      return known(key) ? t(key) : readable(point.name);
    },
    value: (point) => {
      if (point.value === null && point.text === null) return "–";
      if (isSwitch(point)) return t(isOn(point) ? "value.yes" : "value.no");
      const key = `figure.is.${point.text}`;
      if (point.diagnostic && known(key)) return t(key);
      if (point.text !== null) return point.text;
      return point.value === null ? "–" : format.quantity(point.value, point.unit, point.decimals);
    },
    reason: (reason) => {
      const key = `reason.${reason}`;
      return known(key) ? t(key) : reason.replaceAll("_", " ");
    },
  };
}

export const UserContext = createContext<User | null>(null);
export const TongueContext = createContext<Tongue>(makeTongue("en", "UTC"));
export const useTongue = (): Tongue => useContext(TongueContext);

/** The same words, with times in the zone of a site. */
export function useTongueAt(zone: string | null | undefined): Tongue {
  const { language } = useTongue();
  const usable = usableZone(zone);
  return useMemo(() => makeTongue(language, usable), [language, usable]);
}
