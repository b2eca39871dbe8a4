// SPDX-License-Identifier: Apache-2.0
// What the server says of itself, on every view: that it waits for its hub, or lags, or lost something.
import { useCallback, useState } from "preact/hooks";
import { api } from "../api";
import { useTongue } from "../context";
import { healthKey } from "../judge";
import { useRegularly } from "../presence";
import type { Health } from "../types";
import { Icon } from "./icons";

const ASK_EVERY_MS = 30_000;

export function ServerNotice() {
  const { t } = useTongue();
  const [health, setHealth] = useState<Health | null>(null);
  // A server that does not answer at all is told of by the live line.
  const ask = useCallback(() => void api.health().then(setHealth, () => setHealth(null)), []);
  useRegularly(ask, ASK_EVERY_MS);
  if (!health?.code) return null;
  const look = health.status === "ill" ? "bad" : "stale";
  return (
    <div class={`notice is-${look}`} role="status" data-health={health.code}>
      <Icon shape={look} />
      <p>{t(healthKey(health), { reason: health.reason })}</p>
    </div>
  );
}
