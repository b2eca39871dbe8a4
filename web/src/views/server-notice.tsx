// SPDX-License-Identifier: Apache-2.0
// What the server says of itself, on every view: that it waits for its hub, or lags; and, to those who may acknowledge it, what
// befell the system.
import { useCallback, useContext, useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { UserContext, useTongue } from "../context";
import { healthKey, noticeKey, TOLD_BY_NOTICE } from "../judge";
import { useRegularly } from "../presence";
import type { Health, Notice } from "../types";
import { Icon } from "./icons";

const ASK_EVERY_MS = 30_000;
/** More would hide the page; the next comes when one is acknowledged. */
const SHOWN_MAX = 3;

/** Null: not for this person, who may do so at a site but not for all. */
function useNotices() {
  const [notices, setNotices] = useState<Notice[] | null>(null);
  const user = useContext(UserContext);
  const [may, setMay] = useState(user?.capabilities.includes("acknowledge") === true);
  const ask = useCallback(() => {
    if (!may) return;
    const refused = (why: unknown) => {
      if (why instanceof ApiError && why.status === 403) setMay(false);
    };
    api.notices().then((found) => setNotices(found.notices), refused);
  }, [may]);
  useRegularly(ask, ASK_EVERY_MS);
  const acknowledge = (notice: Notice) => api.acknowledge(notice).then(ask, ask);
  return { notices: may ? notices : null, acknowledge };
}

function NoticeBox({ notice, acknowledge }: { notice: Notice; acknowledge: () => void }) {
  const { t, format } = useTongue();
  const { key, n } = noticeKey(notice);
  const said = {
    time: format.stamp(notice.at_ms),
    n: format.number(n, 0),
    text: notice.text,
  };
  return (
    <div class="notice is-stale is-still" role="status" data-notice={notice.kind}>
      <Icon shape="stale" />
      <p>{t(key, said)}</p>
      <button type="button" onClick={acknowledge}>
        {t("notice.acknowledge")}
      </button>
    </div>
  );
}

export function ServerNotice() {
  const { t } = useTongue();
  const [health, setHealth] = useState<Health | null>(null);
  const { notices, acknowledge } = useNotices();
  // A server that does not answer at all is told of by the live line.
  const ask = useCallback(() => void api.health().then(setHealth, () => setHealth(null)), []);
  useRegularly(ask, ASK_EVERY_MS);
  const look = health?.status === "ill" ? "bad" : "stale";
  const isTold = notices !== null && TOLD_BY_NOTICE.includes(health?.code ?? "");
  return (
    <>
      {health?.code && !isTold && (
        <div class={`notice is-${look}`} role="status" data-health={health.code}>
          <Icon shape={look} />
          <p>{t(healthKey(health), { reason: health.reason })}</p>
        </div>
      )}
      {notices?.slice(0, SHOWN_MAX).map((notice) => (
        <NoticeBox
          key={`${notice.kind} ${notice.at_ms}`}
          notice={notice}
          acknowledge={() => acknowledge(notice)}
        />
      ))}
    </>
  );
}
