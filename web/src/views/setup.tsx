// SPDX-License-Identifier: Apache-2.0
// The first account, made with the token of the set-up link. The token stays behind the #: it is in no log.
import { useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { useTongue } from "../context";
import type { Key } from "../i18n";
import { go, paths } from "../route";
import type { Session } from "../types";
import { Field, FormError } from "./login";
import { errorText, Title } from "./parts";

const PASSWORD_MIN = 12;

export function NewPassword({ label }: { label: string }) {
  const { t } = useTongue();
  return (
    <>
      <Field
        label={label}
        name="password"
        type="password"
        complete="new-password"
        hint={t("setup.passwordHint")}
      />
      <Field label={t("setup.repeat")} name="repeat" type="password" complete="new-password" />
    </>
  );
}

export function newPasswordOf(form: FormData): { password: string; wrong: Key | null } {
  const password = String(form.get("password"));
  if (password.length < PASSWORD_MIN) return { password, wrong: "setup.short" };
  return { password, wrong: password === form.get("repeat") ? null : "setup.differs" };
}

/** needed: the first account is to be made; else an account gets a new password. */
export function SetupView(props: {
  token: string;
  needed: boolean;
  done: (session: Session) => void;
}) {
  const { token, done } = props;
  const tongue = useTongue();
  const { t } = tongue;
  const [error, setError] = useState<string | null>(token === "" ? t("setup.noToken") : null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const { password, wrong } = newPasswordOf(form);
    if (wrong) return setError(t(wrong));
    setBusy(true);
    setError(null);
    try {
      const session = await api.setup(token, String(form.get("name")), password);
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
      <Title text={t(props.needed ? "setup.title" : "setup.again")} />
      <p class="hint">{t(props.needed ? "setup.intro" : "setup.againIntro")}</p>
      <form onSubmit={submit}>
        <Field
          label={t("setup.name")}
          name="name"
          type="text"
          complete="username"
          hint={t("setup.nameHint")}
        />
        <NewPassword label={t("setup.password")} />
        <FormError text={error} />
        <button type="submit" class="primary" disabled={busy || token === ""}>
          {t(props.needed ? "setup.submit" : "setup.again")}
        </button>
      </form>
    </div>
  );
}
