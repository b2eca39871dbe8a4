// SPDX-License-Identifier: Apache-2.0
// The frame around every view: brand, who is logged in, language, colours.
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useRef } from "preact/hooks";
import { useTongue } from "../context";
import { LANGUAGES, type Language } from "../i18n";
import { THEMES, type Theme } from "../prefs";
import { paths } from "../route";
import type { User } from "../types";

export interface Preferences {
  language: Language;
  setLanguage(language: Language): void;
  theme: Theme;
  setTheme(theme: Theme): void;
}

export const PreferencesContext = createContext<Preferences | null>(null);

function Selects() {
  const { t } = useTongue();
  const preferences = useContext(PreferencesContext);
  if (!preferences) return null;
  return (
    <>
      <label>
        <span>{t("app.language")}</span>
        <select
          value={preferences.language}
          onChange={(event) => preferences.setLanguage(event.currentTarget.value as Language)}
        >
          {Object.entries(LANGUAGES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t("app.theme")}</span>
        <select
          value={preferences.theme}
          onChange={(event) => preferences.setTheme(event.currentTarget.value as Theme)}
        >
          {THEMES.map((theme) => (
            <option key={theme} value={theme}>
              {t(`theme.${theme}`)}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

function Menu({ user, logout }: { user: User | null; logout: () => void }) {
  const { t } = useTongue();
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const inside = menu.current?.contains(event.target as Node);
      const leaving = event instanceof KeyboardEvent && event.key === "Escape";
      if (menu.current?.open && (leaving || (event.type === "pointerdown" && !inside))) {
        menu.current.open = false;
      }
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", close);
    };
  }, []);
  return (
    <details class="menu" ref={menu}>
      <summary>
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 3.500h12v1.500H2Zm0 4h12V9H2Zm0 4h12v1.500H2Z" />
        </svg>
        <span>{user?.name ?? `${t("app.language")}, ${t("app.theme")}`}</span>
      </summary>
      <div class="menu-body">
        <Selects />
        {user && (
          <a href={paths.password} onClick={() => menu.current?.removeAttribute("open")}>
            {t("password.title")}
          </a>
        )}
        {user && (
          <button type="button" onClick={logout}>
            {t("user.logout")}
          </button>
        )}
      </div>
    </details>
  );
}

export function Shell(props: {
  user: User | null;
  logout: () => void;
  children: ComponentChildren;
}) {
  const { t } = useTongue();
  return (
    <>
      <a class="skip" href="#main">
        {t("app.skip")}
      </a>
      <header class="bar">
        <a class="brand" href={paths.sites}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M2 20h7l4-11 5 14 4-9h8" />
          </svg>
          Busward
        </a>
        <Menu user={props.user} logout={props.logout} />
      </header>
      <main id="main" tabIndex={-1}>
        {props.children}
      </main>
    </>
  );
}
