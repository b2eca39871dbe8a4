// SPDX-License-Identifier: Apache-2.0
// The few parts of Node that the tests use; @types/node would be larger than the page.
declare module "node:test" {
  export default function test(name: string, run: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  const assert: {
    (value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(actual: string, expected: RegExp, message?: string): void;
  };
  export default assert;
}
declare module "node:child_process" {
  export function execFileSync(file: string, args: string[], options?: object): unknown;
  export function spawnSync(
    file: string,
    args: string[],
    options: { encoding: "utf8" },
  ): { status: number | null; stderr: string };
}
declare module "node:crypto" {
  export function randomBytes(size: number): { toString(encoding: "base64"): string };
}
declare module "node:fs" {
  export function appendFileSync(path: string, text: string): void;
  export function cpSync(from: string, to: string, options: { recursive: boolean }): void;
  export function symlinkSync(target: string, path: string): void;
  export function mkdtempSync(prefix: string): string;
  export function readdirSync(path: string): string[];
  export function readFileSync(path: string): Uint8Array;
  export function rmSync(path: string, options: { recursive: boolean; force: boolean }): void;
}
declare module "node:os" {
  export function tmpdir(): string;
}
declare module "node:path" {
  export function join(...parts: string[]): string;
}
declare const process: { execPath: string; env: Record<string, string | undefined> };
