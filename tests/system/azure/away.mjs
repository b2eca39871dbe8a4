// SPDX-License-Identifier: Apache-2.0
// What a device meets while busward-hub is away (it was killed), and when it is back: one story for
// each time, told by its name.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import common from "azure-iot-common";
import device from "azure-iot-device";
import deviceMqtt from "azure-iot-device-mqtt";
import { refused, registryAs, tell, world } from "./stories.mjs";

const key = crypto.createHash("sha256").update("away").digest("base64");
const registry = registryAs("iothubowner");

async function connect() {
  const text = `HostName=${world.host};DeviceId=away;SharedAccessKey=${key}`;
  const client = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
  client.setRetryPolicy(new common.NoRetry());
  await client.open();
  return client;
}

async function before() {
  const symmetricKey = { primaryKey: key, secondaryKey: key };
  await registry.create({ deviceId: "away", authentication: { type: "sas", symmetricKey } });
  await registry.updateTwin("away", { properties: { desired: { interval: 60 } } }, "*");
}

async function away() {
  const client = await connect();
  await client.sendEvent(new device.Message("while the backend is away"));
  await refused(client.getTwin(), "Error");
  await client.sendEvent(new device.Message("and on"));
  await client.close();
  await assert.rejects(registry.list());
}

async function back() {
  const client = await connect();
  const twin = await client.getTwin();
  assert.equal(twin.properties.desired.interval, 60);
  await client.close();
}

await tell({ before, away, back });
