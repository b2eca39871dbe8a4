// SPDX-License-Identifier: Apache-2.0
// The first account, made with the token of the set-up link. The token stays behind the #: it is in no log.
import { useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { useTongue } from "../context";
import { go, paths } from "../route";
import type { Session } from "../types";
import { Field, FormError } from "./login";
import { errorText, Title } from "./parts";

const PASSWORD_MIN = 12;

export function SetupView({ token, done }: { token: string; done: (session: Session) => void }) {
  const tongue = useTongue();
  const { t } = tongue;
  const [error, setError] = useState<string | null>(token === "" ? t("setup.noToken") : null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [name, password] = [String(form.get("name")), String(form.get("password"))];
    if (password.length < PASSWORD_MIN) return setError(t("setup.short"));
    if (password !== form.get("repeat")) return setError(t("setup.differs"));
    setBusy(true);
    setError(null);
    try {
      const session = await api.setup(token, name, password);
      go(paths.sites, true);
      done(session);
    } catch (cause) {
      const used = cause instanceof ApiError && (cause.status === 403 || cause.status === 409);
      setError(used ? t("setup.used") : errorText(tongue, cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="card">
      <Title text={t("setup.title")} />
      <p class="hint">{t("setup.intro")}</p>
      <form onSubmit={submit}>
        <Field
          label={t("setup.name")}
          name="name"
          type="text"
          complete="username"
          hint={t("setup.nameHint")}
        />
        <Field
          label={t("setup.password")}
          name="password"
          type="password"
          complete="new-password"
          hint={t("setup.passwordHint")}
        />
        <Field label={t("setup.repeat")} name="repeat" type="password" complete="new-password" />
        <FormError text={error} />
        <button type="submit" class="primary" disabled={busy || token === ""}>
          {t("setup.submit")}
        </button>
      </form>
    </div>
  );
}
