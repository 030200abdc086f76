/** The chain of generations as a device follows it: from an old bundle, offline, never back. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect } from "chai";

import { encodeBundle, verifyBundle } from "../../src/certificate/bundle.js";
import {
  encodeCertificate,
  certificatePayload,
  certificateToSign,
  verifyCertificate,
} from "../../src/certificate/certificate.js";
import {
  committeeListPayload,
  committeeListToSign,
  encodeCommitteeList,
} from "../../src/certificate/committee-list.js";
import { drlHeadToSign, verifyDrlHead } from "../../src/certificate/drl.js";
import { HeadMemory } from "../../src/certificate/head-memory.js";
import type { GroupKeys } from "../../src/certificate/signatures.js";
import { type Succession, successionDigest } from "../../src/certificate/succession.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { COSE_ALG, HANDOVER_SECONDS } from "../../src/statements/cose.js";
import {
  NOW,
  certificateFields,
  checks,
  expectRefusal,
  externalAad,
  groupSign,
  makeCrossCertificate,
  makeRoot,
  revocations,
  seed,
  trust,
} from "./fixtures.js";

/** Whole keys of a generation. */
interface Holder {
  readonly keys: GroupKeys;
  sign(message: Uint8Array): Uint8Array;
}

function generationOf(label: string): Holder {
  const bls = seed(label).fill(1, 0, 1);
  const keys: GroupKeys = { bls: nobleBls.publicKey(bls), ed25519: ed25519.getPublicKey(seed(label)) };
  return { keys, sign: (message: Uint8Array) => nobleBls.sign(bls, message) };
}

const first: Holder = { keys: trust.keys, sign: (message: Uint8Array) => groupSign(COSE_ALG.bls, message) };
const second = generationOf("second");
const third = generationOf("third");
const SINCE = NOW - 100;

function linkTo(generation: number, keys: GroupKeys, by: Holder, since = SINCE): Succession {
  const link = { generation, ceremony: generation, ...keys, since };
  return { ...link, signature: by.sign(successionDigest(link, externalAad)) };
}

function listBy({ sign }: Holder, generation: number): Uint8Array {
  const member = { account: seed("a").slice(12), endpoint: "", tlsPin: seed("t"), scope: "" };
  const row = { ...member, seat: 1, blsKey: trust.keys.bls, ed25519Key: trust.keys.ed25519 };
  const payload = committeeListPayload({ generation, epoch: 3, tick: 9, issued: NOW, members: [row] });
  return encodeCommitteeList(payload, sign(committeeListToSign(externalAad, payload)));
}

const LINKS = [linkTo(2, second.keys, first), linkTo(3, third.keys, second)];

async function bundleOf(successions: readonly Succession[] | undefined, committeeList?: Uint8Array) {
  const root = await makeRoot();
  const crossCertificates = [await makeCrossCertificate(root)];
  return { encoded: encodeBundle({ root, crossCertificates, committeeList, successions }), root };
}

async function trustOf(successions: readonly Succession[], committeeList?: Uint8Array) {
  const { encoded, root } = await bundleOf(successions, committeeList);
  return verifyBundle(encoded, { rootFingerprint: sha256(root), now: NOW }, checks);
}

describe("the chain of generations", () => {
  it("leads from the keys that the root certified to the newest, each signed by those before", async () => {
    const { generation, keys, former, generations, committee } = await trustOf(LINKS, listBy(third, 3));
    expect([generation, committee?.generation]).to.deep.equal([3, 3]);
    expect(keys).to.deep.equal(third.keys);
    expect(former).to.deep.equal({ generation: 2, keys: second.keys, since: SINCE });
    expect(generations.map(({ link }) => link?.generation)).to.deep.equal([undefined, 2, 3]);
  });

  it("is refused with a link that is missing, repeated, or not signed by the keys before over these very keys", async () => {
    const [toSecond, toThird] = LINKS as [Succession, Succession];
    const list = listBy(third, 3);
    const refused = async (links: readonly Succession[], code: "malformed" | "bad-signature") => {
      const { encoded, root } = await bundleOf(links, list);
      expectRefusal(() => verifyBundle(encoded, { rootFingerprint: sha256(root), now: NOW }, checks), code);
    };
    await refused([toThird], "malformed");
    await refused([toSecond, toSecond, toThird], "malformed");
    await refused([toSecond, linkTo(3, third.keys, first)], "bad-signature");
    await refused([toSecond, linkTo(3, third.keys, third)], "bad-signature");
    await refused([toSecond, { ...toThird, ed25519: second.keys.ed25519 }], "bad-signature");
    await refused([toSecond, { ...toThird, since: SINCE + 1 }], "bad-signature");
    await refused([toSecond, { ...toThird, ceremony: 9 }], "bad-signature");
    await refused([toSecond, { ...toThird, bls: new Uint8Array(48) }], "bad-signature");
  });

  it("counts only with a committee that holds the newest keys: others may have been signed and given up", async () => {
    const { encoded, root } = await bundleOf(LINKS);
    expectRefusal(() => verifyBundle(encoded, { rootFingerprint: sha256(root), now: NOW }, checks), "malformed");
    const old = await bundleOf(LINKS, listBy(second, 2));
    const pins = { rootFingerprint: sha256(old.root), now: NOW };
    expectRefusal(() => verifyBundle(old.encoded, pins, checks), "generation-old");
  });

  it("never leads back", async () => {
    const { encoded, root } = await bundleOf(undefined, listBy(first, 1));
    const pins = { rootFingerprint: sha256(root), now: NOW, minimumGeneration: 2 };
    expectRefusal(() => verifyBundle(encoded, pins, checks), "generation-old");
  });

  it("lets certificates of the generation before count until the handover is over, and no older ones", async () => {
    const { generation, keys, former } = await trustOf(LINKS, listBy(third, 3));
    const known = { externalAad, generation, keys, former };
    const certificateOf = ({ sign }: Holder, of: number): Uint8Array => {
      const fields = { notBefore: NOW - 200, expires: NOW + 2 * HANDOVER_SECONDS, generation: of };
      const payload = certificatePayload(certificateFields(fields));
      return encodeCertificate(COSE_ALG.bls, payload, sign(certificateToSign(COSE_ALG.bls, externalAad, payload)));
    };
    for (const [by, of] of [
      [second, 2],
      [third, 3],
    ] as const) {
      expect(verifyCertificate(certificateOf(by, of), known, NOW, checks).generation).to.equal(of);
    }
    expectRefusal(() => verifyCertificate(certificateOf(third, 2), known, NOW, checks), "bad-signature");
    expectRefusal(() => verifyCertificate(certificateOf(first, 1), known, NOW, checks), "generation-old");
    const over = SINCE + HANDOVER_SECONDS;
    expectRefusal(() => verifyCertificate(certificateOf(second, 2), known, over, checks), "generation-old");
    expect(verifyCertificate(certificateOf(third, 3), known, over, checks).generation).to.equal(3);
  });

  describe("revocation heads of the keys before", () => {
    const over = SINCE + HANDOVER_SECONDS;
    const headOf = (by: Holder, issued: number, { number = issued, expires = NOW + 600 } = {}) => {
      const head = { number, root: seed("root"), words: 1, issued, expires, blockNumber: 1 };
      const signature = by.sign(drlHeadToSign(COSE_ALG.bls, head, { externalAad, revocations }));
      return { head, algorithm: COSE_ALG.bls, signature };
    };
    const memory = (): HeadMemory => new HeadMemory(undefined, () => undefined);
    const known = async () => {
      const { keys, former } = await trustOf([LINKS[0] as Succession], listBy(second, 2));
      return { externalAad, revocations, keys, former };
    };

    it("count if they were signed before these were replaced", async () => {
      const [trust, seen] = [await known(), memory()];
      verifyDrlHead(headOf(first, SINCE), trust, NOW, seen, checks);
      expectRefusal(() => verifyDrlHead(headOf(first, SINCE + 1), trust, NOW, seen, checks), "bad-signature");
    });

    it("count until nothing else of these keys does, whenever they say they end", async () => {
      const trust = await known();
      const endless = headOf(first, SINCE, { expires: 2 ** 50 });
      verifyDrlHead(endless, trust, over - 1, memory(), checks);
      expectRefusal(() => verifyDrlHead(endless, trust, over, memory(), checks), "bad-signature");
      // Without a clock, the end of the head itself has to lie before.
      expectRefusal(() => verifyDrlHead(endless, trust, undefined, memory(), checks), "bad-signature");
      verifyDrlHead(headOf(first, SINCE, { expires: over - 1 }), trust, undefined, memory(), checks);
    });

    it("bind those of the keys after by their time, and not by a number that a thief has made large", async () => {
      const [trust, seen] = [await known(), memory()];
      verifyDrlHead(headOf(first, SINCE, { number: 2 ** 52 }), trust, NOW, seen, checks);
      expectRefusal(() => verifyDrlHead(headOf(second, SINCE), trust, NOW, seen, checks), "head-rollback");
      verifyDrlHead(headOf(second, SINCE + 1, { number: 8 }), trust, NOW, seen, checks);
      expectRefusal(
        () => verifyDrlHead(headOf(second, SINCE + 2, { number: 7 }), trust, NOW, seen, checks),
        "head-rollback",
      );
      expectRefusal(
        () => verifyDrlHead(headOf(first, SINCE, { number: 2 ** 52 }), trust, NOW, seen, checks),
        "head-rollback",
      );
    });
  });
});
