// SPDX-License-Identifier: Apache-2.0
// A gateway by Microsoft's device SDK, for whoever tests the cloud: says on stdout what happens, obeys
// on stdin: `offline` closes its connection, `forget` deletes it at the hub.
import { createInterface } from "node:readline";
import device from "azure-iot-device";
import deviceMqtt from "azure-iot-device-mqtt";
import { registryAs, world } from "./stories.mjs";

const ID = "shop";
const METHODS = ["identify", "diagnostics", "read", "restart"];

const registry = registryAs("iothubowner");
const created = (await registry.create({ deviceId: ID })).responseBody;
const key = created.authentication.symmetricKey.primaryKey;
const client = device.Client.fromConnectionString(
  `HostName=${world.host};DeviceId=${ID};SharedAccessKey=${key}`,
  deviceMqtt.Mqtt,
);
await registry.create({ deviceId: "spare" });
await client.open();
for (const name of METHODS) {
  client.onDeviceMethod(name, (request, response) =>
    response.send(name === "restart" ? 403 : 200, { did: name, with: request.payload ?? null }),
  );
}
client.on("message", (message) => {
  console.log(`message ${message.getData()}`);
  client.complete(message);
});

const twin = await client.getTwin();
const report = (config) => twin.properties.reported.update({ config }, () => {});
twin.on("properties.desired", (desired) =>
  report({ version: desired.$version, state: "applied", hash: "00ff" }),
);

// Its site appears in the cloud with its first message.
const first = new device.Message("{}");
for (const [name, value] of Object.entries({ t: "s", j: "0000000000000001", n: "1" })) {
  first.properties.add(name, value);
}
await client.sendEvent(first);
console.log("ready");

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "offline") await client.close();
  if (line === "forget") await registry.delete(ID);
  console.log(`done ${line}`);
}
