// SPDX-License-Identifier: Apache-2.0
// Goal: what is missing of a flight record, and what befell the system, in the words that fit.
import assert from "node:assert/strict";
import test from "node:test";
import { spans } from "../src/gateway/records";
import { noticeKey } from "../src/judge";

test("missing parts are spans, a single one is no span", () => {
  assert.equal(
    spans([
      [1, 1],
      [4, 7],
      [9, 9],
    ]),
    "1, 4–7, 9",
  );
  assert.equal(spans([]), "");
});

test("a notice has words of its own with its count, one of a newer server shows its text", () => {
  const of = (kind: string, text: string) => noticeKey({ kind, at_ms: 1, text });
  const older = "The store was put back to an earlier day: up to 812 messages that came since";
  assert.deepEqual(of("store_older", older), { key: "notice.store_older", n: 812 });
  const fresh = of("hub_log_new", "The hub's log is another one than before.");
  assert.deepEqual(fresh, { key: "notice.hub_log_new", n: 0 });
  assert.equal(of("moon_is_full", "3 wolves").key, "notice.other");
});
