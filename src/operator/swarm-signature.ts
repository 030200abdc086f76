/**
 * A swarm signature from outside the committee: asks the validators for their parts and puts them together. Who they are and
 * under which keys their parts verify comes from the trust bundle, which the root and the swarm signed; how to reach them
 * for the first time, from the ledger.
 */
import { ZeroAddress } from "ethers";

import { type MeshTrust, verifyBundle } from "../certificate/bundle.js";
import type { CommitteeMember } from "../certificate/committee-list.js";
import { CryptoError } from "../crypto/errors.js";
import { type SharedBlsKey, assembleSignature, verifyPartial } from "../crypto/threshold-bls.js";
import { type Client, createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import { MemberServers } from "../net/member-servers.js";
import { RemoteError } from "../net/error-body.js";
import { PATH, type PartialAnswer } from "../protocol/api.js";
import { GatherError, gather } from "../protocol/gather.js";
import { blstBls } from "../runtime/blst.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type Quorum, quorumOf } from "../statements/quorum.js";
import type { MeshLedger } from "./ledger.js";

const MAXIMUM_BUNDLE_BYTES = 100_000;

/** The committee in office, as outsiders reach it. */
export interface Validators {
  readonly trust: MeshTrust;
  readonly quorum: Quorum;
  readonly members: readonly CommitteeMember[];
  client(member: CommitteeMember): Client;
  close(): void;
}

/** A member of the committee and how the ledger says to reach it. */
export interface Contact {
  readonly account: string;
  readonly endpoint: string;
  /** 32 bytes. */
  readonly tlsPin: Uint8Array;
}

/** An empty seat of the committee has no account. */
const isTaken = (account: string): boolean => account !== ZeroAddress;

/** The committee as the ledger has it; empty before the first. */
export async function contactsOf({ contracts }: MeshLedger): Promise<Contact[]> {
  const accounts = (await contracts.groupKeys.generation()) === 0n ? [] : await contracts.groupKeys.committee();
  return Promise.all(
    accounts.filter(isTaken).map(async (account) => {
      const { tlsPin, endpoint } = await contracts.registry.validator(account);
      return { account, endpoint, tlsPin: new Uint8Array(Buffer.from(tlsPin.slice(2), "hex")) };
    }),
  );
}

/**
 * Fetches the trust bundle from the first validator that has a good one with the committee in it.
 * @throws SwarmkeepError `no-committee`
 */
export async function openValidators(ledger: MeshLedger): Promise<Validators> {
  const problems = new Set<string>();
  for (const contact of await contactsOf(ledger)) {
    try {
      const bundle = await fetchBundle(contact);
      const { rootFingerprint, meshId } = ledger.mesh;
      const pins = { rootFingerprint, meshId, now: Math.floor(Date.now() / 1000) };
      const trust = verifyBundle(bundle, pins, { bls: blstBls, device: nativeSignatures });
      if (trust.committee !== undefined) return validatorsOf(trust, trust.committee.members);
      problems.add("the committee has not signed its list yet");
    } catch (error) {
      problems.add(error instanceof Error ? error.message : String(error));
    }
  }
  const why = problems.size === 0 ? "the ledger has no committee in office" : [...problems].join("; ");
  throw new SwarmkeepError(`no validator has a trust bundle with a committee: ${why}`, {
    kind: "network",
    code: "no-committee",
    advice: "Start the validators, wait for their key ceremony, and run `swarmkeep mesh certify`.",
  });
}

async function fetchBundle({ endpoint, tlsPin }: Contact): Promise<Uint8Array> {
  const client = createClient({ endpoint: parseEndpoint(endpoint), trust: { kind: "pin", pin: tlsPin } });
  try {
    const { body } = await client.request({
      method: "GET",
      path: PATH.bundle,
      maximumAnswerBytes: MAXIMUM_BUNDLE_BYTES,
      timeoutMilliseconds: 5_000,
    });
    return body;
  } finally {
    client.close();
  }
}

function validatorsOf(trust: MeshTrust, members: readonly CommitteeMember[]): Validators {
  const clients = new Map<number, Client>();
  const servers = new MemberServers({
    trust: () => trust,
    nowSeconds: () => Math.floor(Date.now() / 1000),
    signatures: nativeSignatures,
    bareAfterEnd: false,
  });
  return {
    trust,
    quorum: quorumOf(members.length),
    members,
    client(member) {
      const known = clients.get(member.seat);
      if (known !== undefined) return known;
      const endpoint = parseEndpoint(member.endpoint);
      const client = createClient({
        endpoint,
        trust: { kind: "pin", pin: member.tlsPin, judge: servers.judgeOf(member.account) },
        timeoutMilliseconds: 20_000,
      });
      clients.set(member.seat, client);
      return client;
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}

/**
 * Asks for parts until there are enough. `ask` sends the request that makes a member sign exactly `digest`.
 * @returns the swarm signature, 96 bytes, verified.
 * @throws SwarmkeepError `too-few-parts`, with what each member said.
 */
export async function gatherSwarmSignature(
  validators: Validators,
  digest: Uint8Array,
  ask: (client: Client, signal: AbortSignal) => Promise<PartialAnswer>,
): Promise<Uint8Array> {
  const { trust, quorum, members } = validators;
  const key: SharedBlsKey = {
    groupKey: trust.keys.bls,
    t: quorum.t,
    verificationKeys: new Map(members.map(({ seat, blsKey }) => [seat, blsKey])),
  };
  const askChecked = async (member: CommitteeMember, signal: AbortSignal): Promise<PartialAnswer> => {
    const answer = await ask(validators.client(member), signal);
    const partial = { seat: answer.seat, signature: answer.partial };
    if (answer.seat === member.seat && verifyPartial(blstBls, key, digest, partial)) return answer;
    throw new SwarmkeepError(`the part of seat ${member.seat} does not verify`, {
      kind: "refused",
      code: "bad-part",
      advice: "Its evidence names it; tell the operator of that validator.",
      details: { seat: member.seat },
    });
  };
  try {
    const reachable = members.filter(({ endpoint }) => endpoint !== "");
    const { parts } = await gather({ members: reachable, needed: quorum.t, ask: askChecked });
    const partials = parts.map(({ part }) => ({ seat: part.seat, signature: part.partial }));
    return assembleSignature(blstBls, key, digest, partials).signature;
  } catch (error) {
    if (error instanceof GatherError) throw tooFewParts(error);
    if (error instanceof CryptoError) throw tooFewParts(error);
    throw error;
  }
}

function tooFewParts(error: GatherError<unknown> | CryptoError): SwarmkeepError {
  const remote =
    error instanceof GatherError
      ? error.failures.map(({ error: reason }) => reason).find((reason) => reason instanceof RemoteError)
      : undefined;
  return new SwarmkeepError(`the swarm did not sign: ${error.message}`, {
    kind: remote?.kind ?? "network",
    code: remote?.code ?? "too-few-parts",
    advice: remote?.advice ?? "See that enough validators run and can be reached, and try again.",
    cause: error,
  });
}
