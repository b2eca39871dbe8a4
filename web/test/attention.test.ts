// SPDX-License-Identifier: Apache-2.0
// Goal: a glance elsewhere changes nothing, a hidden page leaves once, and who comes back gets a fresh one.
import assert from "node:assert/strict";
import test from "node:test";
import { Attention, GLANCE_MS } from "../src/attention";

test("a glance at another tab changes nothing, however often", () => {
  const attention = new Attention(false);
  for (let at = 0; at < 20 * GLANCE_MS; at += GLANCE_MS) {
    assert.equal(attention.hide(at), null);
    assert.equal(attention.deadlineMs, at + GLANCE_MS);
    assert.equal(attention.tick(at + GLANCE_MS - 1), null);
    assert.equal(attention.show(at + GLANCE_MS - 1), null);
    assert.equal(attention.deadlineMs, null);
    assert.equal(attention.tick(at + GLANCE_MS), null, "the old deadline is forgotten");
    assert(attention.isHere);
  }
});

test("it leaves once when the grace is over, and comes back at once", () => {
  const attention = new Attention(false);
  attention.hide(100);
  assert.equal(attention.hide(5000), null, "told twice: the first counts");
  assert.equal(attention.deadlineMs, 100 + GLANCE_MS);
  assert.equal(attention.tick(100 + GLANCE_MS), "leave");
  assert(!attention.isHere);
  assert.equal(attention.deadlineMs, null);
  assert.equal(attention.tick(10 * GLANCE_MS), null);
  assert.equal(attention.hide(11 * GLANCE_MS), null);
  assert.equal(attention.deadlineMs, null, "who is away does not leave again");
  assert.equal(attention.show(12 * GLANCE_MS), "return");
  assert(attention.isHere);
  assert.equal(attention.show(12 * GLANCE_MS), null);
});

test("a timer that slept longer than the grace does not make an old stream good", () => {
  const attention = new Attention(false);
  attention.hide(0);
  assert.equal(attention.show(3_600_000), "return");
  attention.hide(3_600_000);
  assert.equal(attention.hide(3_600_000 + GLANCE_MS), "leave", "a deadline before an input");
  assert.equal(attention.deadlineMs, null);
});

test("a page that was opened hidden begins when it is looked at", () => {
  const attention = new Attention(true);
  assert(!attention.isHere);
  assert.equal(attention.hide(5), null);
  assert.equal(attention.tick(GLANCE_MS * 2), null);
  assert.equal(attention.show(GLANCE_MS * 3), "return");
});
