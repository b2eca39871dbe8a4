// SPDX-License-Identifier: Apache-2.0
// Microsoft's device SDKs against our hub and DPS: every login, both directions, twins, methods,
// provisioning in its four ways, and refusals.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import common from "azure-iot-common";
import device from "azure-iot-device";
import deviceMqtt from "azure-iot-device-mqtt";
import provisioningDevice from "azure-iot-provisioning-device";
import provisioningMqtt from "azure-iot-provisioning-device-mqtt";
import provisioningService from "azure-iot-provisioning-service";
import symmetricKey from "azure-iot-security-symmetric-key";
import x509 from "azure-iot-security-x509";
import iothub from "azure-iothub";
import mqtt from "mqtt";
import { ask, pem, refused, registryAs, tell, world } from "./stories.mjs";

const registry = registryAs("iothubowner");
const service = iothub.Client.fromConnectionString(world.policies.iothubowner);
const dps = provisioningService.ProvisioningServiceClient.fromConnectionString(
  world.policies.provisioningserviceowner,
);

const keyOf = (created) => created.authentication.symmetricKey.primaryKey;
const thumbprint = (name) =>
  new crypto.X509Certificate(pem(name).cert).fingerprint256.replaceAll(":", "");

function clientBySas(id, key, suffix = "") {
  const text = `HostName=${world.host};DeviceId=${id};SharedAccessKey=${key}${suffix}`;
  const client = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
  client.setRetryPolicy(new common.NoRetry());
  return client;
}

function clientByCertificate(id, certificate) {
  const text = `HostName=${world.host};DeviceId=${id};x509=true`;
  const client = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
  client.setOptions(pem(certificate));
  client.setRetryPolicy(new common.NoRetry());
  return client;
}

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

// The registry learns of connections within seconds. (A test that hangs is ended from outside.)
async function connectionState(id, wanted) {
  while ((await registry.get(id)).responseBody.connectionState !== wanted) {}
}

let sas1;

async function telemetryBySas() {
  sas1 = keyOf((await registry.create({ deviceId: "sas1" })).responseBody);
  const client = clientBySas("sas1", sas1);
  await client.open();
  const message = new device.Message(JSON.stringify({ temperature: 4.21 }));
  message.messageId = "mid 1";
  message.correlationId = "cid/1";
  message.contentType = "application/json";
  message.contentEncoding = "utf-8";
  message.properties.add("kind", "a&b=c");
  message.properties.add("empty", "");
  await client.sendEvent(message);
  for (let i = 0; i < 20; i++) {
    await client.sendEvent(new device.Message(`n${i}`));
  }
  await connectionState("sas1", "Connected");
  await client.close();
  await connectionState("sas1", "Disconnected");
}

async function certificates() {
  await registry.create({
    deviceId: "x509-self",
    authentication: {
      type: "selfSigned",
      x509Thumbprint: { primaryThumbprint: thumbprint("x509-self") },
    },
  });
  for (const deviceId of ["x509-ca", "x509-deep"]) {
    await registry.create({ deviceId, authentication: { type: "certificateAuthority" } });
  }
  for (const id of ["x509-self", "x509-ca", "x509-deep"]) {
    const client = clientByCertificate(id, id);
    await client.open();
    await client.sendEvent(new device.Message(`by certificate: ${id}`));
    await client.close();
  }
}

async function refusedLogins() {
  const other = crypto.randomBytes(32).toString("base64");
  const open = (client) => client.open();
  await refused(open(clientBySas("sas1", other)), "UnauthorizedError");
  await refused(open(clientBySas("unknown", other)), "UnauthorizedError");
  await refused(open(clientByCertificate("x509-self", "x509-other")), "UnauthorizedError");
  await refused(open(clientByCertificate("x509-ca", "x509-self")), "UnauthorizedError");
  await refused(open(clientByCertificate("x509-deep", "x509-ca")), "UnauthorizedError");
  const expired = device.Client.fromSharedAccessSignature(
    common.SharedAccessSignature.create(
      `${world.host}/devices/sas1`,
      undefined,
      sas1,
      Math.floor(Date.now() / 1000) - 60,
    ).toString(),
    deviceMqtt.Mqtt,
  );
  expired.setRetryPolicy(new common.NoRetry());
  await refused(open(expired), "UnauthorizedError");
  const made = (await registry.get("sas1")).responseBody;
  await registry.update({ ...made, status: "disabled" });
  await refused(open(clientBySas("sas1", sas1)), "UnauthorizedError");
  await registry.update({ ...made, status: "enabled" });
  const client = clientBySas("sas1", sas1);
  await client.open();
  await client.close();
}

async function messages() {
  const client = clientBySas("sas1", sas1);
  const got = [];
  let all;
  const three = new Promise((resolve) => {
    all = resolve;
  });
  // Attached before it opens: what comes earlier is acknowledged and lost.
  client.on("message", (message) => {
    got.push(message);
    client.complete(message, () => got.length === 3 && all());
  });
  const send = (n) =>
    ask("POST", "/devices/sas1/messages/devicebound", {
      headers: {
        "iothub-app-n": `${n}`,
        "iothub-app-text": "a&b %",
        "iothub-messageid": `m${n}`,
        "iothub-correlationid": "c",
      },
      body: `hello ${n}`,
    });
  // One waits for the device, with a session that was begun before: a clean session empties the queue.
  await client.open();
  assert.equal((await send(1)).status, 204);
  assert.equal((await send(2)).status, 204);
  assert.equal((await send(3)).status, 204);
  await three;
  assert.deepEqual(
    got.map((message) => message.getData().toString()),
    ["hello 1", "hello 2", "hello 3"],
  );
  assert.deepEqual(
    got.map((message) => message.messageId),
    ["m1", "m2", "m3"],
  );
  assert.equal(got[0].correlationId, "c");
  const properties = Object.fromEntries(
    got[0].properties.propertyList.map(({ key, value }) => [key, value]),
  );
  assert.equal(properties.n, "1");
  assert.equal(properties.text, "a&b %");
  await client.close();
}

async function queuedMessage() {
  const client = clientBySas("sas1", sas1);
  client.on("message", () => {});
  await client.open();
  await client.close();
  const answer = await ask("POST", "/devices/sas1/messages/devicebound", { body: "while away" });
  assert.equal(answer.status, 204);
  const again = clientBySas("sas1", sas1);
  const came = once(again, "message");
  await again.open();
  assert.equal((await came).getData().toString(), "while away");
  await again.close();
}

async function methods() {
  const client = clientBySas("sas1", sas1);
  await client.open();
  await new Promise((resolve, reject) => {
    client.onDeviceMethod("sum", (request, response) => {
      const total = request.payload.reduce((a, b) => a + b, 0);
      response.send(207, { total }, (error) => error && reject(error));
    });
    client.onDeviceMethod("silent", () => {});
    client.onDeviceMethod("ready", (_, response) => response.send(200));
    resolve();
  });
  // The subscription is under way: connectTimeout waits for it.
  const call = (methodName, payload) =>
    service.invokeDeviceMethod("sas1", {
      methodName,
      payload,
      connectTimeoutInSeconds: 10,
      responseTimeoutInSeconds: 5,
    });
  assert.deepEqual((await call("sum", [1, 2, 3])).result, { status: 207, payload: { total: 6 } });
  assert.equal((await call("ready")).result.status, 200);
  // Two at a time find their own answers.
  const both = await Promise.all([call("sum", [1]), call("sum", [10, 20])]);
  assert.deepEqual(
    both.map(({ result }) => result.payload.total),
    [1, 30],
  );
  await refused(call("silent"), "GatewayTimeoutError");
  await client.close();
  await connectionState("sas1", "Disconnected");
  await refused(
    service.invokeDeviceMethod("sas1", { methodName: "sum", payload: [] }),
    "Error",
    /404103/,
  );
}

const report = (twin, patch) =>
  new Promise((resolve, reject) =>
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve())),
  );

async function twin() {
  await registry.updateTwin(
    "sas1",
    { properties: { desired: { interval: 60, deep: { a: 1, b: 2 } } } },
    "*",
  );
  const client = clientBySas("sas1", sas1);
  await client.open();
  const mine = await client.getTwin();
  assert.equal(mine.properties.desired.interval, 60);
  assert.equal(mine.properties.desired.$version, 2);
  await report(mine, { fw: "1.0", deep: { a: 1 } });
  await report(mine, { deep: { a: null, b: [1, 2] } });
  let seen = (await registry.getTwin("sas1")).responseBody;
  assert.equal(seen.properties.reported.fw, "1.0");
  assert.deepEqual(seen.properties.reported.deep, { b: [1, 2] });
  assert.equal(seen.properties.reported.$version, 3);
  assert.match(seen.properties.reported.$metadata.fw.$lastUpdated, /^20\d\d-/);
  // The first event tells what is there already. The subscription is under way then, and only who has
  // one is told: the patch is made until it is seen.
  const patches = [];
  mine.on("properties.desired", (delta) => patches.push(delta));
  let version = 2;
  while (!patches.some((delta) => delta.$version === version)) {
    seen = (
      await registry.updateTwin(
        "sas1",
        { properties: { desired: { interval: 30, deep: { b: null }, n: version } } },
        "*",
      )
    ).responseBody;
    version++;
    assert.equal(seen.properties.desired.$version, version);
  }
  assert.deepEqual(patches.at(-1), {
    interval: 30,
    deep: { b: null },
    n: version - 1,
    $version: version,
  });
  assert.equal(mine.properties.desired.interval, 30);
  assert.deepEqual(mine.properties.desired.deep, { a: 1 });
  // Refused ones change nothing, and the next good one works.
  await refused(report(mine, { "a.b": 1 }), "Error", /key \\?"a\.b/);
  await refused(report(mine, { large: "x".repeat(4097) }), "Error", /longer than 4096/);
  await report(mine, { fw: "1.1" });
  seen = (await registry.getTwin("sas1")).responseBody;
  assert.equal(seen.properties.reported.fw, "1.1");
  assert.equal(seen.properties.reported.$version, 4);
  assert.equal("large" in seen.properties.reported, false);
  await client.close();
}

// What no SDK would do: another device's topics.
async function foreignTopics() {
  const other = keyOf((await registry.create({ deviceId: "sas2" })).responseBody);
  const password = common.SharedAccessSignature.create(
    `${world.host}/devices/sas2`,
    undefined,
    other,
    Math.floor(Date.now() / 1000) + 600,
  ).toString();
  const connect = () =>
    new Promise((resolve, reject) => {
      const raw = mqtt.connect(`mqtts://${world.host}`, {
        clientId: "sas2",
        username: `${world.host}/sas2/?api-version=2021-04-12`,
        password,
        reconnectPeriod: 0,
        protocolVersion: 4,
      });
      raw.once("connect", () => resolve(raw));
      raw.once("error", reject);
    });
  // Its own topic is acknowledged: that is what the others must not be.
  const own = await connect();
  await new Promise((resolve, reject) =>
    own.publish("devices/sas2/messages/events/", "own", { qos: 1 }, (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  own.end(true);
  const publishes = [
    "devices/sas1/messages/events/",
    "devices/sas1/messages/devicebound/",
    "$iothub/twin/res/200/?$rid=1",
    "$iothub/methods/POST/sum/?$rid=1",
    "anything",
  ];
  for (const topic of publishes) {
    const raw = await connect();
    let isAcknowledged = false;
    raw.publish(topic, "foreign", { qos: 1 }, (error) => {
      isAcknowledged = !error;
    });
    await once(raw, "close");
    assert.equal(isAcknowledged, false, topic);
    raw.end(true);
  }
  for (const filter of [
    "devices/sas1/messages/devicebound/#",
    "devices/+/messages/events/#",
    "#",
    "$SYS/#",
    "l/#",
  ]) {
    const raw = await connect();
    const granted = await new Promise((resolve) => {
      raw.once("close", () => resolve(false));
      raw.subscribe(filter, { qos: 1 }, (error, list) => resolve(!error && list[0].qos < 2));
    });
    assert.equal(granted, false, filter);
    raw.end(true);
  }
}

function register(registrationId, security) {
  const client = provisioningDevice.ProvisioningDeviceClient.create(
    world.dpsHost,
    world.idScope,
    new provisioningMqtt.Mqtt(),
    security,
  );
  client.setProvisioningPayload({ from: registrationId });
  return new Promise((resolve, reject) =>
    client.register((error, result) => (error ? reject(error) : resolve(result))),
  );
}

async function provisionByKeys() {
  const own = crypto.randomBytes(32);
  await dps.createOrUpdateIndividualEnrollment({
    registrationId: "dps-key",
    deviceId: "dps-key-device",
    attestation: {
      type: "symmetricKey",
      symmetricKey: { primaryKey: own.toString("base64"), secondaryKey: own.toString("base64") },
    },
    initialTwin: { tags: { site: 7 }, properties: { desired: { interval: 5 } } },
  });
  const security = (id, key) => new symmetricKey.SymmetricKeySecurityClient(id, key);
  const result = await register("dps-key", security("dps-key", own.toString("base64")));
  assert.equal(result.assignedHub, world.host);
  assert.equal(result.deviceId, "dps-key-device");
  const client = clientBySas("dps-key-device", own.toString("base64"));
  await client.open();
  const twin = await client.getTwin();
  assert.equal(twin.properties.desired.interval, 5);
  await client.close();
  assert.deepEqual((await registry.getTwin("dps-key-device")).responseBody.tags, { site: 7 });
  const state = (await dps.getDeviceRegistrationState("dps-key")).responseBody;
  assert.equal(state.status, "assigned");
  assert.equal(state.deviceId, "dps-key-device");
  // A group: each device's key is derived from the group's, which opens nothing by itself.
  const group = crypto.randomBytes(64);
  const text = group.toString("base64");
  await dps.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: "keys",
    attestation: { type: "symmetricKey", symmetricKey: { primaryKey: text, secondaryKey: text } },
  });
  const derived = crypto.createHmac("sha256", group).update("dps-group-key").digest("base64");
  const grouped = await register("dps-group-key", security("dps-group-key", derived));
  assert.equal(grouped.deviceId, "dps-group-key");
  const member = clientBySas("dps-group-key", derived);
  await member.open();
  await member.close();
  const again = await register("dps-group-key", security("dps-group-key", derived));
  assert.equal(again.deviceId, "dps-group-key");
  await refused(
    register("dps-group-key", security("dps-group-key", text)),
    "Error",
    /Not authorized/,
  );
  await refused(register("dps-key", security("dps-key", text)), "Error", /Not authorized/);
}

async function provisionByCertificates() {
  await dps.createOrUpdateIndividualEnrollment({
    registrationId: "dps-x509",
    attestation: {
      type: "x509",
      x509: { clientCertificates: { primary: { certificate: pem("dps-x509").cert } } },
    },
  });
  await dps.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: "certificates",
    attestation: {
      type: "x509",
      x509: { signingCertificates: { primary: { certificate: pem("fleet/ca").cert } } },
    },
  });
  for (const id of ["dps-x509", "dps-group-x509"]) {
    const result = await register(id, new x509.X509Security(id, pem(id)));
    assert.equal(result.deviceId, id);
    assert.equal(result.assignedHub, world.host);
    const client = clientByCertificate(id, id);
    await client.open();
    await client.close();
  }
  await refused(
    register("dps-x509", new x509.X509Security("dps-x509", pem("x509-other"))),
    "Error",
    /Not authorized/,
  );
  await refused(
    register("dps-none", new x509.X509Security("dps-none", pem("x509-other"))),
    "Error",
    /Not authorized/,
  );
}

async function provisionDisabled() {
  const key = crypto.randomBytes(32).toString("base64");
  const enrolment = (
    await dps.createOrUpdateIndividualEnrollment({
      registrationId: "dps-off",
      provisioningStatus: "disabled",
      attestation: { type: "symmetricKey", symmetricKey: { primaryKey: key, secondaryKey: key } },
    })
  ).responseBody;
  assert.equal(enrolment.provisioningStatus, "disabled");
  // (The SDK's own name for a status that is neither assigned nor assigning.)
  await refused(
    register("dps-off", new symmetricKey.SymmetricKeySecurityClient("dps-off", key)),
    "SyntaxError",
    /status is disabled/,
  );
  await refused(registry.get("dps-off"), "DeviceNotFoundError");
}

await tell({
  telemetryBySas,
  certificates,
  refusedLogins,
  messages,
  queuedMessage,
  methods,
  twin,
  foreignTopics,
  provisioning: () =>
    Promise.all([provisionByKeys(), provisionByCertificates(), provisionDisabled()]),
});
