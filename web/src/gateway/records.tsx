// SPDX-License-Identifier: Apache-2.0
// Flight records that came in parts, each as a file; one that is not whole says what is missing.
import { useTongue } from "../context";
import { type FlightRecord, gatewayApi } from "./api";
import { useWords } from "./words";

/** "2, 5–7" */
export const spans = (missing: FlightRecord["missing"]): string =>
  missing.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");

export function Records({ site, records }: { site: string; records: FlightRecord[] }) {
  const say = useWords();
  const { format } = useTongue();
  const row = (record: FlightRecord) => {
    const time = format.stamp(record.first_ms);
    const whole = record.missing.length === 0;
    const said = { parts: record.parts, missing: spans(record.missing) };
    return (
      <tr key={record.id} data-record={record.number}>
        <th scope="row">{time}</th>
        <td>{format.number(record.size / 1000, 1)} kB</td>
        <td data-whole={whole}>{say(whole ? "parts.whole" : "parts.missing", said)}</td>
        <td>
          <a
            href={gatewayApi.recordUrl(site, record.id)}
            download
            aria-label={say("downloadOf", { time })}
          >
            {say("download")}
          </a>
        </td>
      </tr>
    );
  };
  return (
    <>
      <h2>{say("records")}</h2>
      {records.length === 0 && <p class="hint">{say("recordsNone")}</p>}
      {records.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <section class="table-wrap" tabIndex={0} aria-label={say("records")}>
          <table class="sensors">
            <thead>
              <tr>
                {(["received", "size", "parts", "file"] as const).map((column) => (
                  <th key={column} scope="col">
                    {say(column)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>{records.map(row)}</tbody>
          </table>
        </section>
      )}
    </>
  );
}
