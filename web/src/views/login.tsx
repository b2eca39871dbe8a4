// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { type Tongue, useTongue } from "../context";
import type { Session } from "../types";
import { Icon } from "./icons";
import { errorText, Title } from "./parts";

export function Field(props: {
  label: string;
  name: string;
  type: "text" | "password";
  complete: string;
  hint?: string;
}) {
  const hint = props.hint ? `${props.name}-hint` : undefined;
  return (
    <div class="field">
      <label for={props.name}>{props.label}</label>
      <input
        id={props.name}
        name={props.name}
        type={props.type as "text"}
        autocomplete={props.complete}
        autocapitalize="none"
        spellcheck={false}
        required
        aria-describedby={hint}
      />
      {hint && (
        <p id={hint} class="hint">
          {props.hint}
        </p>
      )}
    </div>
  );
}

export function FormError({ text }: { text: string | null }) {
  return (
    <div role="alert">
      {text !== null && (
        <p class="form-error">
          <Icon shape="bad" />
          {text}
        </p>
      )}
    </div>
  );
}

function explain(tongue: Tongue, error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return tongue.t("login.wrong");
  if (error instanceof ApiError && error.status === 429) {
    return tongue.t("login.throttled", { s: error.retryAfterS ?? 60 });
  }
  return errorText(tongue, error);
}

export function LoginView(props: {
  setupNeeded: boolean;
  ended: boolean;
  done: (session: Session) => void;
}) {
  const tongue = useTongue();
  const { t } = tongue;
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(null);
    try {
      props.done(await api.login(String(form.get("name")), String(form.get("password"))));
    } catch (cause) {
      setError(explain(tongue, cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="card">
      <Title text={t("login.title")} />
      {props.ended && <p class="hint">{t("login.ended")}</p>}
      {props.setupNeeded && <p class="hint">{t("login.setupNeeded")}</p>}
      <form onSubmit={submit}>
        <Field label={t("login.name")} name="name" type="text" complete="username" />
        <Field
          label={t("login.password")}
          name="password"
          type="password"
          complete="current-password"
        />
        <FormError text={error} />
        <button type="submit" class="primary" disabled={busy}>
          {t("login.submit")}
        </button>
      </form>
    </div>
  );
}
