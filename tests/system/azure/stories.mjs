// SPDX-License-Identifier: Apache-2.0
// What both scripts share: the world they run in, and stories told one after the other.
import assert from "node:assert/strict";
import fs from "node:fs";
import https from "node:https";
import path from "node:path";
import iothub from "azure-iothub";

export const world = JSON.parse(process.env.BUSWARD_AZURE);

export const registryAs = (policy) => iothub.Registry.fromConnectionString(world.policies[policy]);

export const pem = (name) => ({
  cert: fs.readFileSync(path.join(world.folder, `${name}.pem`), "utf8"),
  key: fs.readFileSync(path.join(world.folder, `${name}.key`), "utf8"),
});

export function tokenOf(policy, expiresInS = 600) {
  const { SharedAccessSignature } = iothub;
  const fields = Object.fromEntries(
    world.policies[policy].split(";").map((field) => {
      const at = field.indexOf("=");
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
  return SharedAccessSignature.create(
    fields.HostName,
    fields.SharedAccessKeyName,
    fields.SharedAccessKey,
    Math.floor(Date.now() / 1000) + expiresInS,
  ).toString();
}

// A request that no SDK makes: {status, headers, body}.
export function ask(method, where, { headers = {}, body, token = tokenOf("iothubowner") } = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: world.host,
        method,
        path: `${where}?api-version=2021-04-12`,
        headers: {
          Authorization: token,
          ...headers,
          "Content-Length": Buffer.byteLength(body ?? ""),
        },
      },
      (response) => {
        let text = "";
        response.on("data", (data) => {
          text += data;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode, headers: response.headers, body: text }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

// The error of a promise that must fail; its class and words must be these.
export async function refused(promise, name, words) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `expected ${name}, but it was granted`);
  assert.equal(error.name, name, `${error.name}: ${error.message}`);
  if (words) {
    assert.match(`${error.message} ${error.responseBody ?? ""}`, words);
  }
  return error;
}

export async function tell(stories) {
  const wanted = process.argv.slice(2);
  for (const [name, story] of Object.entries(stories)) {
    if (wanted.length > 0 && !wanted.includes(name)) {
      continue;
    }
    const begun = Date.now();
    try {
      await story();
    } catch (error) {
      console.log(`not ok - ${name}`);
      console.log(error.stack ?? error);
      process.exit(1);
    }
    console.log(`ok - ${name} (${Date.now() - begun} ms)`);
  }
  process.exit(0);
}
