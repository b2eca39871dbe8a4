// SPDX-License-Identifier: Apache-2.0
// What configuration runs, what is wished for, and the place to change that.
import { useContext, useState } from "preact/hooks";
import { UserContext } from "../context";
import { configureFrom, type Gateway, refusal } from "./api";
import { isObject, type Json, type JsonObject, patchOf } from "./patch";
import { useWords, wordOr } from "./words";

const pretty = (value: Json) => JSON.stringify(value, null, 2);

/** A finding is a text, or an object of texts such as where and what. */
const findingText = (finding: Json) =>
  isObject(finding) ? Object.values(finding).join(": ") : String(finding);

function Findings({ title, list }: { title: string; list: Json | undefined }) {
  if (!Array.isArray(list) || list.length === 0) return null;
  return (
    <div class="notice is-bad">
      <div>
        <h3>{title}</h3>
        <ul>
          {list.map((finding) => (
            <li key={pretty(finding)}>{findingText(finding)}</li>
          ))}
        </ul>
      </div>
    </div>
  );
}

export function Running({ gateway }: { gateway: Gateway }) {
  const say = useWords();
  const { config } = gateway.reported;
  if (!isObject(config)) return <p class="hint">{say("notReported")}</p>;
  const state = String(config.state);
  const version = String(config.version ?? "–");
  const items = [
    [say("state"), wordOr(say, `state.${state}`, state)],
    [say("version"), say("ofDesired", { version, desired: gateway.desired_version })],
    [say("hash"), String(config.hash ?? "–")],
    ...(config.reason ? [[say("reason"), String(config.reason)]] : []),
  ];
  return (
    <>
      <dl data-config={state}>
        {items.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Findings title={say("errors")} list={config.errors} />
      <Findings title={say("warnings")} list={config.warnings} />
    </>
  );
}

export function Pair({ gateway }: { gateway: Gateway }) {
  const say = useWords();
  return (
    <div class="pair">
      {(["desired", "reported"] as const).map((half) => (
        <div key={half}>
          <h3>{say(half)}</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
          <pre tabIndex={0}>{pretty(gateway[half])}</pre>
        </div>
      ))}
    </div>
  );
}

export function Editor(props: {
  site: string;
  gateway: Gateway;
  changed: (gateway: Gateway | null) => void;
}) {
  const say = useWords();
  const user = useContext(UserContext);
  // What it was made from: the etag of that, so that nobody overwrites another's change.
  const [base, setBase] = useState(props.gateway);
  const [text, setText] = useState(pretty(base.desired));
  const [note, setNote] = useState("");
  const takeOver = (gateway: Gateway) => {
    setBase(gateway);
    setText(pretty(gateway.desired));
    setNote("");
  };
  if (!user?.capabilities.includes("configure")) return null;
  const send = async () => {
    let wanted: Json;
    try {
      wanted = JSON.parse(text);
    } catch (error) {
      return setNote(say("notJson", { message: (error as Error).message }));
    }
    if (!isObject(wanted)) return setNote(say("notObject"));
    const patch: JsonObject = patchOf(base.desired, wanted);
    if (Object.keys(patch).length === 0) return setNote(say("unchanged"));
    if (!confirm(say("ask.configure"))) return;
    try {
      const now = await configureFrom(props.site, base, patch);
      takeOver(now);
      setNote(say("sent"));
      props.changed(now);
    } catch (error) {
      setNote(refusal(say, error));
      props.changed(null);
    }
  };
  return (
    <section aria-labelledby="edit">
      <h2 id="edit">{say("edit")}</h2>
      <p class="hint" id="edit-hint">
        {say("editHint")}
      </p>
      <textarea
        aria-labelledby="edit"
        aria-describedby="edit-hint"
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <p role="status" data-note>
        {note}
      </p>
      <button type="button" onClick={() => void send()} data-do="save">
        {say("save")}
      </button>{" "}
      <button type="button" onClick={() => takeOver(props.gateway)} data-do="undo">
        {say("undo")}
      </button>
    </section>
  );
}
