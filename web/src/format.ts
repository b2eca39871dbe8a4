// SPDX-License-Identifier: Apache-2.0
// Numbers, units, ages and times as people of one language and one time zone read them.
import type { Language } from "./i18n";

const NARROW_SPACE = "\u202f";
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Format {
  language: Language;
  zone: string;
  /** "−18.25" */
  number(value: number, decimals: number): string;
  /** "−18.25 °C"; batteries in volts. */
  quantity(value: number, unit: string, decimals: number): string;
  /** A quantity without needless zeros: "5 °C" */
  limit(value: number, unit: string, decimals: number): string;
  /** "12 s", "5 min", "2 h 5 min", "3 d 4 h" */
  age(ms: number): string;
  /** "14:03:07" */
  clock(ms: number): string;
  /** "23 Nov 2026, 14:03:07" */
  stamp(ms: number): string;
  /** As exact as a span of this length needs. */
  stampFor(ms: number, spanMs: number): string;
}

/** Millivolts are for machines: people read volts. */
export function forPeople(value: number, unit: string, decimals: number) {
  return unit === "mV"
    ? { value: value / 1000, unit: "V", decimals: 2 }
    : { value, unit, decimals };
}

/** The fewest decimals, up to `max`, that say the same number. */
function neededDecimals(value: number, max: number): number {
  const full = value.toFixed(max);
  for (let few = 0; few < max; few++) {
    if (Number(value.toFixed(few)) === Number(full)) return few;
  }
  return max;
}

function age(ms: number): string {
  const at = Math.max(0, ms);
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) => {
    const high = Math.floor(at / big);
    const low = Math.floor((at % big) / small);
    const head = `${high}${NARROW_SPACE}${bigUnit}`;
    return low === 0 ? head : `${head} ${low}${NARROW_SPACE}${smallUnit}`;
  };
  if (at < MINUTE) return `${Math.floor(at / SECOND)}${NARROW_SPACE}s`;
  if (at < HOUR) return `${Math.floor(at / MINUTE)}${NARROW_SPACE}min`;
  if (at < DAY) return pair(HOUR, "h", MINUTE, "min");
  return pair(DAY, "d", HOUR, "h");
}

export function makeFormat(language: Language, zone: string): Format {
  // "English" here is British: the day before the month, 24 hours.
  const locale = language === "en" ? "en-GB" : language;
  const numbers = new Map<number, Intl.NumberFormat>();
  const number = (value: number, decimals: number) => {
    let format = numbers.get(decimals);
    if (!format) {
      format = new Intl.NumberFormat(locale, {
        minimumFractionDigits: decimals,
        maximumFractionDigits: decimals,
      });
      numbers.set(decimals, format);
    }
    // Rounded first, and + 0, so that a little below zero is "0.0" and not "−0.0".
    return format.format(Number(value.toFixed(decimals)) + 0).replace("-", "\u2212");
  };
  const times = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  const clock = times({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
  const stamp = times({ ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const minute = times({ ...day, hour: "2-digit", minute: "2-digit" });
  const withUnit = (text: string, unit: string) =>
    unit === "" ? text : text + NARROW_SPACE + unit;
  return {
    language,
    zone,
    number,
    quantity: (value, unit, decimals) => {
      if (unit === "s" && value >= 120) return age(value * SECOND);
      // Whole numbers without a unit are mostly names: serial numbers, versions.
      if (unit === "" && decimals === 0) return String(Math.round(value));
      const shown = forPeople(value, unit, decimals);
      return withUnit(number(shown.value, shown.decimals), shown.unit);
    },
    limit: (value, unit, decimals) => {
      const shown = forPeople(value, unit, decimals);
      return withUnit(number(shown.value, neededDecimals(shown.value, shown.decimals)), shown.unit);
    },
    age,
    clock: (ms) => clock.format(ms),
    stamp: (ms) => stamp.format(ms),
    stampFor: (ms, spanMs) => (spanMs <= 2 * HOUR ? stamp : minute).format(ms),
  };
}

/** The browser's time zone, for sites that state none or one that it does not know. */
export function usableZone(zone: string | null | undefined): string {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  if (!zone) return own;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return own;
  }
}
