// SPDX-License-Identifier: Apache-2.0
// From one configuration to another as a merge patch (RFC 7396): null removes.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isSame(a: Json, b: Json): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => isSame(item, b[at] as Json));
  }
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(a);
    return (
      names.length === Object.keys(b).length &&
      names.every((name) => Object.hasOwn(b, name) && isSame(a[name] as Json, b[name] as Json))
    );
  }
  return a === b;
}

/** Empty when nothing changes. */
export function patchOf(from: JsonObject, to: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const name of Object.keys(from)) if (!Object.hasOwn(to, name)) patch[name] = null;
  for (const [name, value] of Object.entries(to)) {
    const before = from[name];
    if (isObject(before) && isObject(value)) {
      const inner = patchOf(before, value);
      if (Object.keys(inner).length > 0) patch[name] = inner;
    } else if (before === undefined || !isSame(before, value)) patch[name] = value;
  }
  return patch;
}
