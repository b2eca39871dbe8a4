// SPDX-License-Identifier: Apache-2.0
// A form for each command that this person may give, the answer, and who gave which before.
import { useContext, useState } from "preact/hooks";
import { UserContext, useTongue } from "../context";
import { type Answer, type CommandRow, gatewayApi, refusal } from "./api";
import type { JsonObject } from "./patch";
import { type Say, useWords, type Word, wordOr } from "./words";

interface Argument {
  name:
    | ("for_s" | "unit" | "table" | "address" | "count" | "from" | "to" | "bus")
    | ("values" | "minutes" | "level");
  /** A number's range, the words to choose from, a list of numbers, or any text. */
  range?: [min: number, max: number];
  words?: string[];
  isList?: boolean;
  preset?: string;
}

const BUS: Argument = { name: "bus" };
const TABLES = ["holding", "input", "coil", "discrete"];

const COMMANDS: { action: string; needs?: string; asks?: Word; args: Argument[] }[] = [
  { action: "identify", args: [{ name: "for_s", range: [0, 600], preset: "30" }] },
  { action: "sync_now", args: [] },
  { action: "diagnostics", args: [] },
  {
    action: "read",
    args: [
      { name: "unit", range: [1, 247], preset: "1" },
      { name: "table", words: TABLES },
      { name: "address", range: [0, 65535], preset: "0" },
      { name: "count", range: [1, 2000], preset: "1" },
      BUS,
    ],
  },
  {
    action: "scan",
    asks: "ask.scan",
    args: [
      { name: "from", range: [1, 247], preset: "1" },
      { name: "to", range: [1, 247], preset: "247" },
      BUS,
    ],
  },
  {
    action: "line_test",
    asks: "ask.line_test",
    args: [
      { name: "from", range: [1, 247], preset: "1" },
      { name: "to", range: [0, 247], preset: "0" },
      BUS,
    ],
  },
  { action: "job", needs: "diagnostics", args: [] },
  { action: "flight_record", args: [{ name: "minutes", range: [1, 1440], preset: "1" }] },
  {
    action: "write",
    asks: "ask.write",
    args: [
      { name: "unit", range: [1, 247], preset: "1" },
      { name: "table", words: ["holding", "coil"] },
      { name: "address", range: [0, 65535], preset: "0" },
      { name: "values", isList: true },
      BUS,
    ],
  },
  {
    action: "log_level",
    args: [
      { name: "level", words: ["info", "debug", "warn", "error"] },
      { name: "for_s", range: [1, 86400], preset: "600" },
    ],
  },
  { action: "reload", asks: "ask.reload", args: [] },
  { action: "restart", asks: "ask.restart", args: [] },
];

function argumentsOf(form: HTMLFormElement, args: Argument[]): JsonObject {
  const given: JsonObject = {};
  for (const { name, range, isList } of args) {
    const text = String(new FormData(form).get(name) ?? "").trim();
    // What is no number, such as 4,5, becomes null, and the gateway says what it expects.
    if (isList) given[name] = text.split(/\s+/).map(Number);
    else if (text !== "") given[name] = range ? Number(text) : text;
  }
  return given;
}

const numberIn = ([min, max]: [number, number]) => ({ type: "number", min, max }) as const;

function Field({ argument, say }: { argument: Argument; say: Say }) {
  const { name, range, words, isList, preset } = argument;
  const title = say(`arg.${name}`);
  if (words) {
    return (
      <label>
        {title}
        <select name={name}>
          {words.map((word) => (
            <option key={word}>{word}</option>
          ))}
        </select>
      </label>
    );
  }
  return (
    <label>
      {title}
      <input
        name={name}
        {...(range && numberIn(range))}
        required={range !== undefined || isList === true}
        defaultValue={preset ?? ""}
      />
    </label>
  );
}

interface Result {
  text: string;
  failed: boolean;
  body?: unknown;
}

function resultOf(say: Say, what: string, answer: Answer): Result {
  const failed = answer.status >= 300;
  const key = failed ? "answer.other" : answer.status === 202 ? "answer.202" : "answer.2";
  return { text: say(key, { what, status: answer.status }), failed, body: answer.payload };
}

export function Commands({ site, done }: { site: string; done: () => void }) {
  const say = useWords();
  const user = useContext(UserContext);
  const [busy, setBusy] = useState("");
  const [result, setResult] = useState<Result | null>(null);
  const mine = COMMANDS.filter(({ action, needs }) => user?.capabilities.includes(needs ?? action));
  const give = async (form: HTMLFormElement, command: (typeof COMMANDS)[number]) => {
    const what = say(`do.${command.action}` as Word);
    if (command.asks && !confirm(say(command.asks))) return;
    setBusy(command.action);
    setResult({ text: say("running", { what }), failed: false });
    try {
      const args = argumentsOf(form, command.args);
      setResult(resultOf(say, what, await gatewayApi.command(site, command.action, args)));
    } catch (error) {
      setResult({ text: refusal(say, error), failed: true });
    }
    setBusy("");
    done();
  };
  return (
    <section aria-labelledby="commands">
      <h2 id="commands">{say("commands")}</h2>
      <div class="commands">
        {mine.map((command) => (
          <form
            key={command.action}
            aria-label={say(`do.${command.action}` as Word)}
            onSubmit={(event) => {
              event.preventDefault();
              void give(event.currentTarget, command);
            }}
          >
            {command.args.map((argument) => (
              <Field key={argument.name} argument={argument} say={say} />
            ))}
            <button type="submit" disabled={busy !== ""} data-command={command.action}>
              {say(`do.${command.action}` as Word)}
            </button>
          </form>
        ))}
      </div>
      <div role="status" data-answer={result ? (result.failed ? "no" : "yes") : "none"}>
        {result && <p class={result.failed ? "notice is-bad" : "notice"}>{result.text}</p>}
      </div>
      {result?.body != null && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <pre tabIndex={0}>{JSON.stringify(result.body, null, 2)}</pre>
      )}
    </section>
  );
}

export function CommandTable({ rows }: { rows: CommandRow[] }) {
  const say = useWords();
  const { format } = useTongue();
  if (rows.length === 0) return <p class="hint">{say("none")}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="table-wrap" tabIndex={0} aria-label={say("log")}>
      <table class="sensors">
        <thead>
          <tr>
            {(["when", "who", "what", "with", "outcome"] as const).map((column) => (
              <th key={column} scope="col">
                {say(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} data-action={row.action}>
              <td>{format.stamp(row.at_ms)}</td>
              <th scope="row">{row.user}</th>
              <td>{wordOr(say, `do.${row.action}`, row.action)}</td>
              <td>{row.arguments}</td>
              <td>{row.outcome ?? say("unknown")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
