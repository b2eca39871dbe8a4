// SPDX-License-Identifier: Apache-2.0
// Another password for who is logged in; the account's other browsers have to log in again.
import { useContext, useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { type Tongue, UserContext, useTongue } from "../context";
import { Field, FormError } from "./login";
import { errorText, Title } from "./parts";
import { NewPassword, newPasswordOf } from "./setup";

function explain(tongue: Tongue, error: ApiError): string {
  if (error.code === "wrong_password") return tongue.t("password.wrong");
  if (error.status === 429) return tongue.t("login.throttled", { s: error.retryAfterS ?? 60 });
  return errorText(tongue, error);
}

export function PasswordView({ signedOut }: { signedOut: () => void }) {
  const tongue = useTongue();
  const { t } = tongue;
  const user = useContext(UserContext);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const element = event.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const { password, wrong } = newPasswordOf(form);
    if (wrong) return setError(t(wrong));
    setBusy(true);
    setError(null);
    setDone(false);
    try {
      await api.changePassword(String(form.get("present")), password);
      element.reset();
      setDone(true);
    } catch (cause) {
      if (!(cause instanceof ApiError)) throw cause;
      if (cause.status === 401) return signedOut();
      setError(explain(tongue, cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="card">
      <Title text={t("password.title")} />
      <form onSubmit={submit}>
        <input type="hidden" name="username" autocomplete="username" value={user?.name} />
        <Field
          label={t("password.present")}
          name="present"
          type="password"
          complete="current-password"
        />
        <NewPassword label={t("password.new")} />
        <FormError text={error} />
        <p role="status">{done && t("password.done")}</p>
        <button type="submit" class="primary" disabled={busy}>
          {t("password.title")}
        </button>
      </form>
    </div>
  );
}
