// SPDX-License-Identifier: Apache-2.0
// Words in the user's language. A further language is one more file in words/ and one line here.
import { de } from "./words/de";
import { en, type Key, type Words } from "./words/en";

export type { Key } from "./words/en";
export type Vars = Record<string, string | number>;
export type Translate = (key: Key, vars?: Vars) => string;

export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;
const WORDS: Record<Language, Words> = { en, de };

export function isLanguage(tag: string): tag is Language {
  return Object.hasOwn(WORDS, tag);
}

/** The first of the browser's languages that we speak. */
export function pickLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0] ?? "";
    if (isLanguage(base)) return base;
  }
  return "en";
}

export function translator(language: Language): Translate {
  const words = WORDS[language];
  return (key, vars = {}) =>
    words[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(vars[name] ?? whole));
}

/** The base of every key that has a .one and an .other form. */
export type Plural = Key extends infer K ? (K extends `${infer Base}.one` ? Base : never) : never;

export function plural(t: Translate, language: Language, base: Plural, n: number, vars: Vars = {}) {
  const form = new Intl.PluralRules(language).select(n) === "one" ? "one" : "other";
  return t(`${base}.${form}`, { n, ...vars });
}
