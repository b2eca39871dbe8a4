// SPDX-License-Identifier: Apache-2.0
// Microsoft's service SDKs against our hub: registry, twins, queries, methods, enrolments, refusals.
import assert from "node:assert/strict";
import provisioning from "azure-iot-provisioning-service";
import iothub from "azure-iothub";
import { ask, pem, refused, registryAs, tell, tokenOf, world } from "./stories.mjs";

const registry = registryAs("iothubowner");
const client = iothub.Client.fromConnectionString(world.policies.iothubowner);
const dps = provisioning.ProvisioningServiceClient.fromConnectionString(
  world.policies.provisioningserviceowner,
);
const key = Buffer.from("0123456789abcdef0123456789abcdef").toString("base64");

async function devices() {
  const made = (await registry.create({ deviceId: "d1", status: "enabled" })).responseBody;
  assert.equal(made.deviceId, "d1");
  assert.equal(made.status, "enabled");
  assert.equal(made.connectionState, "Disconnected");
  assert.equal(
    Buffer.from(made.authentication.symmetricKey.primaryKey, "base64").length >= 16,
    true,
  );
  assert.notEqual(
    made.authentication.symmetricKey.primaryKey,
    made.authentication.symmetricKey.secondaryKey,
  );
  await refused(registry.create({ deviceId: "d1" }), "DeviceAlreadyExistsError");
  const read = (await registry.get("d1")).responseBody;
  assert.deepEqual(read.authentication, made.authentication);
  assert.equal(read.etag, made.etag);
  const changed = (
    await registry.update({ ...read, status: "disabled", statusReason: "stolen; lost" })
  ).responseBody;
  assert.equal(changed.status, "disabled");
  assert.equal(changed.statusReason, "stolen; lost");
  assert.deepEqual(changed.authentication, made.authentication);
  assert.notEqual(changed.etag, made.etag);
  await refused(registry.get("unknown"), "DeviceNotFoundError");
  await refused(registry.update({ deviceId: "unknown" }), "DeviceNotFoundError");
  await refused(registry.create({ deviceId: "a+b" }), "ArgumentError");
  const self = (
    await registry.create({
      deviceId: "d2",
      authentication: { x509Thumbprint: { primaryThumbprint: "AB".repeat(20) } },
    })
  ).responseBody;
  assert.equal(self.authentication.type, "selfSigned");
  assert.equal(self.authentication.x509Thumbprint.primaryThumbprint, "AB".repeat(20));
  const all = (await registry.list()).responseBody;
  assert.deepEqual(
    all.map((device) => device.deviceId),
    ["d1", "d2"],
  );
  const counts = (await registry.getRegistryStatistics()).responseBody;
  assert.deepEqual(counts, { totalDeviceCount: 2, enabledDeviceCount: 1, disabledDeviceCount: 1 });
  await registry.delete("d1");
  await registry.delete("d2");
  await refused(registry.delete("d1"), "DeviceNotFoundError");
}

async function bulk() {
  const many = Array.from({ length: 100 }, (_, i) => ({ deviceId: `b${i}`, status: "enabled" }));
  let result = (await registry.addDevices(many)).responseBody;
  assert.deepEqual(result, { isSuccessful: true, errors: [], warnings: [] });
  const read = (await registry.get("b7")).responseBody;
  result = (await registry.updateDevices([{ ...read, status: "disabled" }], false)).responseBody;
  assert.equal(result.isSuccessful, true);
  assert.equal((await registry.get("b7")).responseBody.status, "disabled");
  const error = await refused(
    registry.updateDevices([{ ...read, status: "enabled" }], false),
    "ArgumentError",
  );
  assert.equal(JSON.parse(error.responseBody).errors[0].deviceId, "b7");
  result = (await registry.removeDevices(many, true)).responseBody;
  assert.equal(result.isSuccessful, true);
  assert.deepEqual((await registry.list()).responseBody, []);
}

async function twins() {
  await registry.create({ deviceId: "t1" });
  let twin = (await registry.getTwin("t1")).responseBody;
  assert.equal(twin.properties.desired.$version, 1);
  assert.equal(twin.properties.reported.$version, 1);
  const patch = {
    tags: { site: { city: "Köln" } },
    properties: { desired: { interval: 60, list: [1] } },
  };
  twin = (await registry.updateTwin("t1", patch, twin.etag)).responseBody;
  assert.deepEqual(twin.tags, { site: { city: "Köln" } });
  assert.equal(twin.properties.desired.interval, 60);
  assert.equal(twin.properties.desired.$version, 2);
  assert.match(twin.properties.desired.$metadata.interval.$lastUpdated, /^20\d\d-/);
  await refused(registry.updateTwin("t1", patch, "AAAAAAAAAAE="), "InvalidEtagError");
  twin = (await twin.update({ properties: { desired: { interval: null } } })).responseBody ?? twin;
  twin = (await registry.getTwin("t1")).responseBody;
  assert.equal("interval" in twin.properties.desired, false);
  await refused(
    registry.updateTwin("t1", { properties: { desired: { "a.b": 1 } } }, "*"),
    "ArgumentError",
  );
  await refused(registry.getTwin("unknown"), "DeviceNotFoundError");
  await registry.delete("t1");
}

async function queries() {
  const many = Array.from({ length: 7 }, (_, i) => ({ deviceId: `q${i}` }));
  await registry.addDevices(many);
  for (const i of [1, 3, 5]) {
    await registry.updateTwin(`q${i}`, { tags: { floor: i } }, "*");
  }
  const found = [];
  let pages = 0;
  const query = registry.createQuery(
    "SELECT * FROM devices WHERE tags.floor >= 3 OR deviceId = 'q0'",
    2,
  );
  while (query.hasMoreResults) {
    const page = (await query.nextAsTwin()).result;
    found.push(...page.map((twin) => twin.deviceId));
    pages++;
  }
  assert.deepEqual(found, ["q0", "q3", "q5"]);
  assert.ok(pages >= 2);
  const count = registry.createQuery(
    "SELECT COUNT() AS n FROM devices WHERE NOT is_defined(tags.floor)",
  );
  assert.deepEqual((await count.next()).result, [{ n: 4 }]);
  await refused(
    registry.createQuery("SELECT deviceId FROM devices").next(),
    "ArgumentError",
    /expected \* or COUNT/,
  );
  await registry.removeDevices(many, true);
}

async function offlineMethod() {
  await registry.create({ deviceId: "m1" });
  const call = { methodName: "sync", responseTimeoutInSeconds: 5 };
  const error = await refused(client.invokeDeviceMethod("m1", call), "Error", /404103/);
  assert.equal(error.response.statusCode, 404);
  await refused(client.invokeDeviceMethod("unknown", call), "DeviceNotFoundError");
  await refused(
    client.invokeDeviceMethod("m1", { ...call, responseTimeoutInSeconds: 301 }),
    "ArgumentError",
  );
  await registry.delete("m1");
}

async function refusals() {
  const wrong = world.policies.iothubowner.replace(/SharedAccessKey=.*/, `SharedAccessKey=${key}`);
  await refused(iothub.Registry.fromConnectionString(wrong).list(), "UnauthorizedError");
  const nobody = world.policies.iothubowner.replace("=iothubowner", "=nobody");
  await refused(iothub.Registry.fromConnectionString(nobody).list(), "UnauthorizedError");
  const reader = registryAs("registryRead");
  assert.deepEqual((await reader.list()).responseBody, []);
  await refused(reader.create({ deviceId: "x" }), "UnauthorizedError");
  await refused(reader.getTwin("x"), "UnauthorizedError");
  await refused(registryAs("service").list(), "UnauthorizedError");
  const expired = await ask("GET", "/devices", { token: tokenOf("iothubowner", -1) });
  assert.equal(expired.status, 401);
  assert.match(
    JSON.parse(expired.body).Message,
    /^ErrorCode:IotHubUnauthorizedAccess;Unauthorized$/,
  );
  const readerOfDps = provisioning.ProvisioningServiceClient.fromConnectionString(
    world.policies.enrolmentRead,
  );
  await refused(readerOfDps.deleteIndividualEnrollment("x"), "UnauthorizedError");
  const hubPolicy = provisioning.ProvisioningServiceClient.fromConnectionString(
    world.policies.iothubowner,
  );
  await refused(hubPolicy.getIndividualEnrollment("x"), "UnauthorizedError");
  assert.equal((await ask("GET", "/nothing")).status, 404);
}

async function messages() {
  await registry.create({ deviceId: "c1" });
  const send = (headers) =>
    ask("POST", "/devices/c1/messages/devicebound", { headers, body: "hello" });
  for (let i = 0; i < 50; i++) {
    assert.equal(
      (await send({ "iothub-app-n": `${i}`, "iothub-ack": "full", "iothub-messageid": `m${i}` }))
        .status,
      204,
    );
  }
  const full = await send({});
  assert.equal(full.status, 403);
  assert.match(full.body, /ErrorCode:DeviceMaximumQueueDepthExceeded;/);
  assert.equal((await registry.get("c1")).responseBody.cloudToDeviceMessageCount, 50);
  const purged = JSON.parse((await ask("DELETE", "/devices/c1/commands")).body);
  assert.equal(purged.totalMessagesPurged, 50);
  const feedback = await ask("GET", "/messages/serviceBound/feedback");
  const records = JSON.parse(feedback.body);
  assert.equal(records.length, 50);
  assert.equal(records[0].originalMessageId, "m0");
  assert.equal(records[0].statusCode, "Purged");
  const token = feedback.headers.etag.replaceAll('"', "");
  assert.equal((await ask("DELETE", `/messages/serviceBound/feedback/${token}`)).status, 204);
  assert.equal((await ask("GET", "/messages/serviceBound/feedback")).status, 204);
  await registry.delete("c1");
}

const individual = {
  registrationId: "e1",
  attestation: { type: "symmetricKey", symmetricKey: { primaryKey: key, secondaryKey: key } },
  initialTwin: { tags: { a: 1 }, properties: { desired: { b: 2 } } },
};

async function enrolments() {
  const made = (await dps.createOrUpdateIndividualEnrollment(individual)).responseBody;
  const read = (await dps.getIndividualEnrollment("e1")).responseBody;
  assert.deepEqual(read, made);
  assert.equal(read.registrationId, "e1");
  assert.equal(read.provisioningStatus, "enabled");
  assert.deepEqual(read.initialTwin, individual.initialTwin);
  assert.equal(read.attestation.type, "symmetricKey");
  assert.equal(JSON.stringify(read).includes(key), false);
  const secret = (await dps.getIndividualEnrollmentAttestationMechanism("e1")).responseBody;
  assert.equal(secret.symmetricKey.primaryKey, key);
  await refused(dps.getIndividualEnrollment("unknown"), "Error", /404/);
  const error = await refused(dps.deleteIndividualEnrollment("e1", "AAAA"), "InvalidEtagError");
  assert.equal(Math.floor(JSON.parse(error.responseBody).errorCode / 1000), 412);
  await refused(dps.getDeviceRegistrationState("e1"), "Error", /404/);
  await dps.deleteIndividualEnrollment(read);
  await refused(dps.getIndividualEnrollment("e1"), "Error");
}

async function enrolmentUpdates() {
  const create = async (enrolment) =>
    (await dps.createOrUpdateIndividualEnrollment(enrolment)).responseBody;
  const made = await create(individual);
  await refused(create(individual), "DeviceAlreadyExistsError");
  const changed = await create({ ...made, provisioningStatus: "disabled" });
  assert.equal(changed.provisioningStatus, "disabled");
  await refused(create(made), "InvalidEtagError");
  const secret = (await dps.getIndividualEnrollmentAttestationMechanism("e1")).responseBody;
  assert.equal(secret.symmetricKey.primaryKey, key);
  await refused(
    create({ ...individual, registrationId: "e2", attestation: { type: "tpm" } }),
    "ArgumentError",
  );
  await dps.deleteIndividualEnrollment("e1");
}

async function groups() {
  const put = async (group) => (await dps.createOrUpdateEnrollmentGroup(group)).responseBody;
  const certificate = pem("fleet/ca").cert;
  const made = await put({
    enrollmentGroupId: "g1",
    attestation: { type: "x509", x509: { signingCertificates: { primary: { certificate } } } },
    provisioningStatus: "enabled",
  });
  assert.equal(made.attestation.x509.signingCertificates.primary.info.subjectName, "CN=Fleet CA");
  const base64 = certificate.replace(/-----[A-Z ]+-----|\n/g, "");
  const same = await put({
    enrollmentGroupId: "g2",
    attestation: {
      type: "x509",
      x509: { signingCertificates: { primary: { certificate: base64 } } },
    },
  });
  assert.deepEqual(same.attestation, made.attestation);
  const keys = await put({ enrollmentGroupId: "g3", attestation: { type: "symmetricKey" } });
  assert.equal(keys.attestation.type, "symmetricKey");
  const secret = (await dps.getEnrollmentGroupAttestationMechanism("g3")).responseBody;
  assert.ok(Buffer.from(secret.symmetricKey.primaryKey, "base64").length >= 16);
  const query = dps.createEnrollmentGroupQuery({ query: "SELECT * FROM enrollmentGroups" }, 2);
  const found = [];
  while (query.hasMoreResults) {
    found.push(
      ...(await query.next(query.continuationToken)).responseBody.map(
        (group) => group.enrollmentGroupId,
      ),
    );
  }
  assert.deepEqual(found, ["g1", "g2", "g3"]);
  const states = dps.createEnrollmentGroupDeviceRegistrationStateQuery(
    { query: "SELECT * FROM enrollmentGroups" },
    "g1",
  );
  assert.deepEqual((await states.next()).responseBody, []);
  for (const id of found) {
    await dps.deleteEnrollmentGroup(id);
  }
  await refused(dps.getEnrollmentGroup("g1"), "Error", /404/);
}

async function enrolmentBulk() {
  // The SDK calls back, but never keeps the promise of this one.
  const run = (operation) =>
    new Promise((resolve, reject) =>
      dps.runBulkEnrollmentOperation(operation, (error, result) =>
        error ? reject(error) : resolve(result),
      ),
    );
  const entries = ["k1", "k2", "k3"].map((registrationId) => ({ ...individual, registrationId }));
  assert.deepEqual(await run({ mode: "create", enrollments: entries }), {
    isSuccessful: true,
    errors: [],
  });
  const query = dps.createIndividualEnrollmentQuery({ query: "SELECT * FROM enrollments" }, 2);
  const found = [];
  while (query.hasMoreResults) {
    found.push(
      ...(await query.next(query.continuationToken)).responseBody.map(
        (enrolment) => enrolment.registrationId,
      ),
    );
  }
  assert.deepEqual(found, ["k1", "k2", "k3"]);
  assert.equal((await run({ mode: "delete", enrollments: entries })).isSuccessful, true);
}

await tell({
  devices,
  bulk,
  twins,
  queries,
  offlineMethod,
  refusals,
  messages,
  enrolments,
  enrolmentUpdates,
  groups,
  enrolmentBulk,
});
