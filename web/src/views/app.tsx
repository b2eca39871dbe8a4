// SPDX-License-Identifier: Apache-2.0
// Who is here, in which language and colours, and which view the address asks for.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../api";
import { learnServerNow } from "../clock";
import { makeTongue, TongueContext, UserContext, useTongue } from "../context";
import { usableZone } from "../format";
import { LANGUAGES, type Language, pickLanguage } from "../i18n";
import { applyTheme, THEMES, usePref } from "../prefs";
import { paths, type Route, useRoute } from "../route";
import type { Session } from "../types";
import { lazily } from "./lazy";
import { LoginView } from "./login";
import { ErrorBox, Loading, Title } from "./parts";
import { ServerNotice } from "./server-notice";
import { SetupView } from "./setup";
import { type Preferences, PreferencesContext, Shell } from "./shell";
import { SiteHost } from "./site-host";
import { SitesView } from "./sites";

const PasswordView = lazily(() => import("./password").then((part) => part.PasswordView));
const languages = Object.keys(LANGUAGES) as Language[];

function usePreferences(): Preferences {
  const wanted = pickLanguage(navigator.languages);
  const order = [wanted, ...languages.filter((each) => each !== wanted)];
  const [language, setLanguage] = usePref<Language>("language", order);
  const [theme, setTheme] = usePref("theme", THEMES);
  useEffect(() => applyTheme(theme), [theme]);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return { language, setLanguage, theme, setTheme };
}

function useSession() {
  const [session, setSession] = useState<Session | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [ended, setEnded] = useState(false);
  const load = useCallback(() => {
    setError(null);
    api.session().then(setSession, setError);
  }, []);
  useEffect(load, [load]);
  useEffect(() => {
    if (session) learnServerNow(session.now_ms);
  }, [session]);
  const signedOut = useCallback(() => {
    setEnded(true);
    load();
  }, [load]);
  const signedIn = useCallback((fresh: Session) => {
    setEnded(false);
    setSession(fresh);
  }, []);
  return { session, error, ended, load, signedIn, signedOut };
}

function Unknown() {
  const { t } = useTongue();
  return (
    <>
      <Title text={t("app.notFound")} />
      <p>
        <a href={paths.sites}>{t("app.home")}</a>
      </p>
    </>
  );
}

function View({ route, signedOut }: { route: Route; signedOut: () => void }) {
  switch (route.view) {
    case "site":
    case "diagnostics":
    case "gateway":
    case "sensor":
      return <SiteHost route={route} signedOut={signedOut} />;
    case "unknown":
      return <Unknown />;
    case "password":
      return <PasswordView signedOut={signedOut} />;
    case "sites":
    case "setup":
      return <SitesView signedOut={signedOut} />;
  }
}

export function App() {
  const preferences = usePreferences();
  const route = useRoute();
  const { session, error, ended, load, signedIn, signedOut } = useSession();
  const tongue = useMemo(
    () => makeTongue(preferences.language, usableZone(null)),
    [preferences.language],
  );
  const logout = () => api.logout().then(load, load);
  let body = <Loading />;
  if (error) body = <ErrorBox error={error} retry={load} />;
  else if (session && route.view === "setup" && (route.token !== "" || !session.user)) {
    body = <SetupView token={route.token} needed={session.setup_needed} done={signedIn} />;
  } else if (session?.user) {
    body = (
      <UserContext.Provider value={session.user}>
        <ServerNotice />
        <View route={route} signedOut={signedOut} />
      </UserContext.Provider>
    );
  } else if (session) {
    body = <LoginView setupNeeded={session.setup_needed} ended={ended} done={signedIn} />;
  }
  return (
    <PreferencesContext.Provider value={preferences}>
      <TongueContext.Provider value={tongue}>
        <Shell user={session?.user ?? null} logout={logout}>
          {body}
        </Shell>
      </TongueContext.Provider>
    </PreferencesContext.Provider>
  );
}
