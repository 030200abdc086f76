/**
 * From a registrar's request to the first revocation head under which a verifier refuses the device offline: signed by the
 * swarm, on the ledger, final, and in a new head. Most of it is waiting for the next tick.
 */
import { HeadMemory } from "../../src/certificate/head-memory.js";
import { checkNotRevoked, decodeDrlProof, verifyDrlHead } from "../../src/certificate/drl.js";
import { Refusal } from "../../src/certificate/refusal.js";
import type { Fleet } from "../../src/cli/start/fleet-story.js";
import { type LocalMesh, until } from "../../src/cli/start/local-mesh.js";
import { withSender } from "../../src/operator/ledger.js";
import { LOCAL_PARAMETERS } from "../../src/operator/parameters.js";
import { revokeDevices } from "../../src/operator/revocation.js";
import type { Validators } from "../../src/operator/swarm-signature.js";
import { PATH } from "../../src/protocol/api.js";
import { blstBls } from "../../src/runtime/blst.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { REVOCATION_REASON } from "../../src/statements/cose.js";
import type { OffchainFigure } from "../figure.js";
import { median, seconds } from "../ratio.js";
import { withLocalMesh } from "./local-mesh.js";

const TURNS = 5;
const { tickSeconds, finalityBlocks } = LOCAL_PARAMETERS;

export const revocationSeconds: OffchainFigure = {
  operation: "revocationSeconds",
  unit: `s (a tick of ${tickSeconds} s, blocks of 1 s, final after ${finalityBlocks})`,
  goal: undefined,
  best: undefined,
  source: "where a site cannot reach a CRL it cannot check revocation (Matter)",

  measure: () =>
    withLocalMesh(async (local, { registrar }) => {
      const times: number[] = [];
      // Devices that nobody has enrolled: those that were are the first three.
      for (let index = 10; index < 10 + TURNS; index++) {
        times.push(await seconds(() => revokeUntilRefused(local, registrar, index)));
      }
      return median(times);
    }),
};

async function revokeUntilRefused(local: LocalMesh, registrar: Fleet["registrar"], index: number): Promise<void> {
  const { ledger, running } = local;
  const validators = await local.validators();
  const request = { indexes: [index], reason: REVOCATION_REASON.keyCompromise };
  await withSender(ledger.endpoint, registrar.wallet, (sender) =>
    revokeDevices(ledger, validators, sender, registrar.wallet, request),
  );
  await until(running, "a verifier refuses the device", 60, () => isRefused(validators, index));
}

/** What a verifier that knows nothing but its bundle says to the newest proof. */
async function isRefused(validators: Validators, index: number): Promise<boolean> {
  const [member] = validators.members;
  if (member === undefined) throw new Error("the committee is empty");
  const path = `${PATH.drlProof}/${index}?alg=bls`;
  const proof = decodeDrlProof((await validators.client(member).request({ method: "GET", path })).body);
  const memory = new HeadMemory(undefined, () => undefined);
  const checks = { bls: blstBls, device: nativeSignatures };
  verifyDrlHead(proof, validators.trust, Date.now() / 1000, memory, checks);
  try {
    checkNotRevoked(proof, index);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.code === "revoked") return true;
    throw error;
  }
}
