// SPDX-License-Identifier: Apache-2.0
// Goal: what a person edits is what the gateway gets, and nothing that somebody else set is touched.
// Method: a patch applied as RFC 7396 says makes the one configuration of the other.
import assert from "node:assert/strict";
import test from "node:test";
import { isObject, type Json, type JsonObject, patchOf } from "../src/gateway/patch";

function apply(to: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...to };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (isObject(value)) {
      const inner = result[name];
      result[name] = apply(isObject(inner) ? inner : {}, value);
    } else result[name] = value;
  }
  return result;
}

const cases: [string, JsonObject, JsonObject, JsonObject][] = [
  ["nothing", { a: 1, b: { c: [1, { d: 2 }] } }, { b: { c: [1, { d: 2 }] }, a: 1 }, {}],
  ["a value", { a: 1, b: 2 }, { a: 1, b: 3 }, { b: 3 }],
  ["a new one", { a: 1 }, { a: 1, b: { c: 2 } }, { b: { c: 2 } }],
  ["one removed", { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3 } }, { a: null, b: { c: null } }],
  ["an array as a whole", { a: [1, 2, 3] }, { a: [1, 3] }, { a: [1, 3] }],
  ["an object in place of a text", { a: "x" }, { a: { b: 1 } }, { a: { b: 1 } }],
  ["a text in place of an object", { a: { b: 1 } }, { a: "x" }, { a: "x" }],
  [
    "false, zero and empty",
    { a: 1, b: 2, c: 3 },
    { a: false, b: 0, c: "" },
    { a: false, b: 0, c: "" },
  ],
  ["names of Object's own", { a: 1 }, { a: 1, toString: "x" }, { toString: "x" }],
];

for (const [what, from, to, expected] of cases) {
  test(`${what} changes`, () => {
    const patch: Json = patchOf(from, to);
    assert.deepEqual(patch, expected);
    assert.deepEqual(apply(from, patch), to);
  });
}
