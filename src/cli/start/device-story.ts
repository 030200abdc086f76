/** What certificates are for: one device proves itself to another with nothing else running, one renews, one is revoked. */
import { randomBytes } from "node:crypto";

import { decodeDrlProof } from "../../certificate/drl.js";
import type { HeadMark } from "../../certificate/head-memory.js";
import { makePresentation } from "../../certificate/presentation.js";
import { revokeDevices } from "../../operator/revocation.js";
import { withSender } from "../../operator/ledger.js";
import { PATH } from "../../protocol/api.js";
import { readIfPresent, readLimited } from "../../runtime/atomic-file.js";
import { SwarmkeepError } from "../../runtime/errors.js";
import { REVOCATION_REASON } from "../../statements/cose.js";
import type { Progress } from "../progress.js";
import { type Certified, DEVICE_SCOPE, type Fleet, patiently } from "./fleet-story.js";
import { type LocalMesh, until } from "./local-mesh.js";
import { type LampServer, authenticateInTls, enrolByEst, refuseInTls } from "./tls-story.js";
import { type Verdict, askVerifier } from "./verifier.js";

/** Seconds for which a stapled proof has to last when everything is stopped: more than those with which the meter would ask for another. */
const PROOF_LIFE_SECONDS = 20;

export async function tellDeviceStory(local: LocalMesh, fleet: Fleet, progress: Progress): Promise<void> {
  const seen = await authenticateOffline(local, fleet, progress);
  await renew(fleet, progress);
  await enrolByEst(local, fleet, progress);
  const lamp = await authenticateInTls(local, fleet, progress);
  await revoke(local, fleet, { seen, lamp }, progress);
}

async function authenticateOffline(local: LocalMesh, { meter, lamp }: Fleet, progress: Progress): Promise<HeadMark> {
  const { running } = local;
  return progress.step("offline", async () => {
    await until(running, "there is a fresh revocation proof for the meter", 120, async () => {
      const proof = decodeDrlProof(await patiently(() => meter.agent.drlProof()));
      return proof.head.expires - Date.now() / 1000 > PROOF_LIFE_SECONDS;
    });
    const { node, gateway, validators } = running;
    const pids = [node, gateway, ...validators].flatMap((process) => process?.pid ?? []);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    let verdict: Verdict;
    try {
      const challenge = randomBytes(32);
      const presentation = await meter.agent.prove(challenge, { audience: lamp.name, fresh: false });
      verdict = await askLamp(local, lamp, { presentation, challenge, seen: undefined });
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    if (!verdict.accepted) throw unexpected(`the lamp refused the meter: ${verdict.message}`);
    const took = `${verdict.milliseconds.toFixed(0)} ms`;
    const detail = `chain and validators stopped, the lamp checks the meter's certificate in ${took}: accepted`;
    return { detail, value: verdict.head };
  });
}

/** Puts a presentation before the lamp: a process that has its bundle, and no network. */
async function askLamp(
  { mesh, workspace }: LocalMesh,
  lamp: Certified,
  shown: { readonly presentation: Uint8Array; readonly challenge: Uint8Array; readonly seen: HeadMark | undefined },
): Promise<Verdict> {
  const bundle = await readLimited(workspace.folder.file("devices", lamp.name, "bundle.cbor"));
  const { rootFingerprint } = mesh;
  return askVerifier({ ...shown, rootFingerprint, bundle, audience: lamp.name, scope: DEVICE_SCOPE });
}

async function renew({ lamp }: Fleet, progress: Progress): Promise<void> {
  await progress.step("renew", async () => {
    const before = await lamp.agent.certificate();
    const after = await lamp.agent.renew();
    const was = Buffer.from(before?.serial ?? [])
      .toString("hex")
      .slice(0, 8);
    const is = Buffer.from(after.serial).toString("hex").slice(0, 8);
    return {
      detail: `the lamp asks with its certificate ${was}... for the next one, and gets ${is}...`,
      value: undefined,
    };
  });
}

async function revoke(
  local: LocalMesh,
  fleet: Fleet,
  { seen, lamp: server }: { readonly seen: HeadMark; readonly lamp: LampServer },
  progress: Progress,
): Promise<void> {
  const { gate, lamp, registrar } = fleet;
  const { ledger, running } = local;
  const wasRevoked = await ledger.contracts.revocations.isRevoked(gate.index);
  const begun = performance.now();
  const shown = await gate.agent.certificate();
  if (wasRevoked && shown !== undefined && shown.expires <= Date.now() / 1000) {
    const detail = "the gate was revoked before, and its certificate has ended since: it has nothing left to show";
    return progress.step("revoke", async () => ({ detail, value: undefined }));
  }
  await progress.step("revoke", async () => {
    if (wasRevoked) return { detail: "the gate was revoked before", value: undefined };
    // The committee may change while it is asked.
    const { receipt, signedAfter } = await patiently(async () => {
      const validators = await local.validators();
      return withSender(ledger.endpoint, registrar.wallet, (sender) =>
        revokeDevices(ledger, validators, sender, registrar.wallet, {
          indexes: [gate.index],
          reason: REVOCATION_REASON.keyCompromise,
        }),
      );
    });
    const detail = `the gate: signed by the swarm in ${seconds(signedAfter)}, on the ledger for ${receipt.gasUsed} gas`;
    return { detail, value: undefined };
  });

  await progress.step("refused", async () => {
    let code = "";
    await until(running, "the gate is refused a renewal", 60, async () => {
      code = await gate.agent.renew({ attempts: 1 }).then(
        () => "",
        (error: unknown) => (error instanceof SwarmkeepError ? error.code : String(error)),
      );
      return code === "revoked";
    });
    return { detail: `the gate asks for a renewal, and the validators say: ${code}`, value: undefined };
  });

  await progress.step("head", async () => {
    let verdict: Verdict | undefined;
    await until(running, "an offline verifier refuses the gate", 90, async () => {
      const proof = await proofOf(local, gate.index);
      const challenge = randomBytes(32);
      const presentation = await presentWith(local, gate, proof, challenge, lamp.name);
      verdict = await askLamp(local, lamp, { presentation, challenge, seen });
      return !verdict.accepted && verdict.code === "revoked";
    });
    const since = wasRevoked ? "" : `, ${seconds(performance.now() - begun)} after the request`;
    return { detail: `offline, the lamp refuses the gate under the next revocation head${since}`, value: undefined };
  });
  await refuseInTls(local, server, fleet, wasRevoked ? undefined : begun, progress);
}

/** The newest revocation proof of any device, from a validator that answers. */
async function proofOf(local: LocalMesh, index: number): Promise<Uint8Array> {
  const validators = await local.validators();
  let last: unknown;
  for (const member of validators.members) {
    try {
      const path = `${PATH.drlProof}/${index}?alg=bls`;
      return (await validators.client(member).request({ method: "GET", path })).body;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** The gate shows the certificate that it still has, with a proof that it did not choose. */
async function presentWith(
  { workspace, ...local }: LocalMesh,
  device: Certified,
  drlProof: Uint8Array,
  challenge: Uint8Array,
  audience: string,
): Promise<Uint8Array> {
  const encoded = await readIfPresent(workspace.folder.file("devices", device.name, "certificate.cbor"));
  const certificate = await device.agent.certificate();
  const { trust } = await local.validators();
  if (encoded === undefined || certificate === undefined) throw unexpected(`${device.name} has no certificate`);
  const holder = await device.keystore.find(certificate.key);
  return makePresentation({
    certificate: encoded,
    drlProof,
    challenge,
    audience,
    key: certificate.key,
    externalAad: trust.externalAad,
    sign: (message) => holder.sign(message),
  });
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function unexpected(message: string): SwarmkeepError {
  return new SwarmkeepError(message, {
    kind: "internal",
    code: "demonstration-failed",
    advice: "Report this with the logs in the data folder.",
  });
}
