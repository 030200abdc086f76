import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import fc from "fast-check";

import { bytesToNumberBE } from "../../src/crypto/bytes.js";
import { CryptoError } from "../../src/crypto/errors.js";
import {
  aggregateShares,
  checkSession,
  FrostNonces,
  verifySignatureShare,
  type SharedEdKey,
  type SigningSession,
} from "../../src/crypto/frost.js";
import { commit, ed, encodeScalar } from "../../src/crypto/group.js";
import { evaluate, evaluateCommitments } from "../../src/crypto/lagrange.js";
import { isShareOf } from "../../src/crypto/judging.js";
import { isEd25519Key } from "../../src/crypto/points.js";
import { fromHex, readVector, withVectors } from "../vectors.js";
import { EIGHT_TORSION, seeded } from "./ceremony-fixture.js";
import { sharedKeys } from "./shared-key-fixture.js";

/** Vectors have scalars little-endian. */
const scalar = (hex: string) => bytesToNumberBE(fromHex(hex).reverse());
const share = (hex: string) => encodeScalar(scalar(hex));

interface FrostVector {
  readonly config: { MAX_PARTICIPANTS: string; MIN_PARTICIPANTS: string };
  readonly inputs: {
    readonly participant_list: number[];
    readonly message: string;
    readonly participant_shares: { identifier: number; participant_share: string }[];
    readonly share_polynomial_coefficients: string[];
    readonly group_secret_key: string;
  } & ({ group_public_key: string } | { verifying_key_key: string });
  readonly round_one_outputs: {
    readonly outputs: {
      identifier: number;
      hiding_nonce_randomness: string;
      binding_nonce_randomness: string;
      hiding_nonce_commitment: string;
      binding_nonce_commitment: string;
    }[];
  };
  readonly round_two_outputs: { readonly outputs: { identifier: number; sig_share: string }[] };
  readonly final_output: { readonly sig: string };
}

interface DkgVector {
  readonly inputs: Readonly<
    Record<
      string,
      {
        readonly identifier: number;
        readonly signing_key: string;
        readonly coefficient: string;
        readonly vss_commitments: string[];
        readonly signing_shares: Record<string, string>;
        readonly verifying_share: string;
        readonly signing_share: string;
      }
    >
  > & { readonly verifying_key: string };
}

function runVector(vector: FrostVector): void {
  const { inputs } = vector;
  const groupKey = fromHex("group_public_key" in inputs ? inputs.group_public_key : inputs.verifying_key_key);
  const shares = new Map(inputs.participant_shares.map((s) => [s.identifier, share(s.participant_share)]));
  const coefficients = [inputs.group_secret_key, ...inputs.share_polynomial_coefficients].map(scalar);
  for (const [seat, bytes] of shares) expect(encodeScalar(evaluate(coefficients, seat, ed.order))).to.deep.equal(bytes);
  const committed = coefficients.map((coefficient) => commit(ed, coefficient));
  const key: SharedEdKey = {
    groupKey,
    t: Number(vector.config.MIN_PARTICIPANTS),
    n: Number(vector.config.MAX_PARTICIPANTS),
    verificationKeys: new Map(
      [...shares.keys()].map((seat) => [seat, evaluateCommitments(ed, committed, seat).toBytes()]),
    ),
  };
  const nonces = vector.round_one_outputs.outputs.map((output) => {
    const randomness = [output.hiding_nonce_randomness, output.binding_nonce_randomness].map(fromHex);
    const own = shares.get(output.identifier) as Uint8Array;
    const drawn = FrostNonces.draw(output.identifier, own, () => randomness.shift() as Uint8Array);
    expect(drawn.commitment.hiding).to.deep.equal(fromHex(output.hiding_nonce_commitment));
    expect(drawn.commitment.binding).to.deep.equal(fromHex(output.binding_nonce_commitment));
    return drawn;
  });
  const session = { message: fromHex(inputs.message), commitments: nonces.map(({ commitment }) => commitment) };
  const signed = new Map(
    nonces.map((own) => {
      const { seat } = own.commitment;
      return [seat, own.sign(key, shares.get(seat) as Uint8Array, session)] as const;
    }),
  );
  for (const output of vector.round_two_outputs.outputs) {
    const own = signed.get(output.identifier) as Uint8Array;
    expect(own).to.deep.equal(fromHex(output.sig_share));
    expect(verifySignatureShare(key, session, output.identifier, own)).to.equal(true);
  }
  const signature = aggregateShares(key, session, signed);
  expect(signature).to.deep.equal(fromHex(vector.final_output.sig));
  expect(ed25519.verify(signature, session.message, groupKey)).to.equal(true);
}

describe("FROST-Ed25519", () => {
  withVectors("RFC 9591 and ZcashFoundation/frost", () => {
    it("RFC 9591, appendix E.1", () => runVector(readVector("frost", "cfrg", "frost-ed25519-sha512.json")));
    it("frost-ed25519 signing", () => runVector(readVector("frost", "zcash", "ed25519", "vectors.json")));
    it("frost-ed25519 with identifiers over 255", () =>
      runVector(readVector("frost", "zcash", "ed25519", "vectors-big-identifier.json")));

    it("frost-ed25519 distributed key generation: shares, verifying shares and group key", () => {
      const { inputs } = readVector<DkgVector>("frost", "zcash", "ed25519", "vectors_dkg.json");
      const members = ["1", "2", "3"].map((id) => inputs[id] as DkgVector["inputs"][string]);
      let groupKey = ed.zero;
      for (const dealer of members) {
        const coefficients = [dealer.signing_key, dealer.coefficient].map(scalar);
        const committed = dealer.vss_commitments.map((hex) => ed.decode(fromHex(hex)));
        groupKey = groupKey.add(committed[0] as typeof groupKey);
        // A member's `signing_shares` are those that it received, by sender.
        for (const receiver of members) {
          const dealt = encodeScalar(evaluate(coefficients, receiver.identifier, ed.order));
          expect(isShareOf(ed, committed, receiver.identifier, dealt)).to.equal(true);
          const received = receiver.signing_shares[String(dealer.identifier)];
          if (received !== undefined) expect(dealt).to.deep.equal(share(received));
        }
      }
      expect(groupKey.toBytes()).to.deep.equal(fromHex(inputs.verifying_key));
      for (const { signing_share, verifying_share } of members) {
        expect(commit(ed, scalar(signing_share)).toBytes()).to.deep.equal(fromHex(verifying_share));
      }
    });

    it("an invalid element is no key and no nonce commitment", () => {
      type Elements = { elements: { invalid_element: string } };
      const { elements } = readVector<Elements>("frost", "zcash", "ed25519", "elements.json");
      const hiding = fromHex(elements.invalid_element);
      expect(isEd25519Key(hiding)).to.equal(false);
      const { session } = begin([1, 2, 3, 4, 5]);
      const [first, ...others] = session.commitments as [SigningSession["commitments"][0]];
      expect(() => checkSession(key, { message, commitments: [{ ...first, hiding }, ...others] }))
        .to.throw(CryptoError)
        .with.property("code", "point");
    });
  });

  const N = 7;
  const { ed25519: key, edShares } = sharedKeys(N, "frost");
  const message = Uint8Array.of(0x84, 1, 2, 3);
  const random = seeded("frost nonces");
  const shareOf = (seat: number) => edShares.get(seat) as Uint8Array;
  const begin = (seats: readonly number[]) => {
    const nonces = seats.map((seat) => FrostNonces.draw(seat, shareOf(seat), random));
    const session: SigningSession = { message, commitments: nonces.map(({ commitment }) => commitment) };
    return { nonces, session };
  };
  const sign = (seats: readonly number[]) => {
    const { nonces, session } = begin(seats);
    const shares = new Map(
      nonces.map((own) => [own.commitment.seat, own.sign(key, shareOf(own.commitment.seat), session)]),
    );
    return { session, shares };
  };

  it("any t or more members make a plain Ed25519 signature", () => {
    const seats = fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7], { minLength: key.t });
    fc.assert(
      fc.property(seats, (some) => {
        const { session, shares } = sign(some);
        const signature = aggregateShares(key, session, shares);
        return ed25519.verify(signature, message, key.groupKey, { zip215: false });
      }),
      { numRuns: 10 },
    );
  });

  it("fewer than t do not get a signature share, nor a signature by pretending a smaller t", () => {
    const few = [1, 2, 3, 4];
    expect(() => sign(few))
      .to.throw(CryptoError)
      .with.property("code", "seats");
    const { nonces, session } = begin(few);
    const pretended = { ...key, t: 4 };
    const shares = new Map(
      nonces.map((own) => [own.commitment.seat, own.sign(pretended, shareOf(own.commitment.seat), session)]),
    );
    expect(() => aggregateShares(pretended, session, shares))
      .to.throw(CryptoError)
      .with.property("code", "proof");
  });

  it("names who sent a wrong signature share", () => {
    const { session, shares } = sign([1, 2, 4, 5, 7]);
    const [one, seven] = [shares.get(1) as Uint8Array, shares.get(7) as Uint8Array];
    shares.set(4, one).set(
      7,
      seven.map((byte) => byte ^ 0xff),
    );
    expect(() => aggregateShares(key, session, shares))
      .to.throw(CryptoError)
      .with.property("culprits")
      .that.deep.equals([4, 7]);
    shares.delete(4);
    expect(() => aggregateShares(key, session, shares))
      .to.throw(CryptoError)
      .with.property("code", "seats");
  });

  it("nonces sign once, even if what they were to sign was refused", () => {
    const { nonces, session } = begin([1, 2, 3, 4, 5]);
    const [first, second, third] = nonces as [FrostNonces, FrostNonces, FrostNonces];
    const used = (own: FrostNonces) =>
      expect(() => own.sign(key, shareOf(own.commitment.seat), session))
        .to.throw(CryptoError)
        .with.property("code", "used");
    first.sign(key, shareOf(1), session);
    used(first);
    expect(() => second.sign(key, shareOf(2), { ...session, commitments: [] })).to.throw(CryptoError);
    used(second);
    third.discard();
    used(third);
    expect(JSON.stringify(nonces[3])).not.to.match(/nonces/);
  });

  it("a session with a foreign, repeated or forged commitment is refused", () => {
    const { nonces, session } = begin([1, 2, 3, 4, 5]);
    const [first] = session.commitments as [SigningSession["commitments"][0]];
    const tainted = ed.decode(first.hiding).add(EIGHT_TORSION).toBytes();
    const replaced = (change: Partial<typeof first>) => [{ ...first, ...change }, ...session.commitments.slice(1)];
    const refused: readonly [SigningSession["commitments"], string][] = [
      [replaced({ seat: 8 }), "seats"],
      [replaced({ seat: 2 }), "seats"],
      [[first, ...session.commitments], "seats"],
      [replaced({ hiding: tainted }), "point"],
      [replaced({ hiding: ed.zero.toBytes() }), "point"],
      [replaced({ binding: new Uint8Array(31) }), "length"],
      [replaced({ binding: first.hiding }), "proof"],
    ];
    for (const [i, [commitments, code]] of refused.entries()) {
      const own = i === 0 ? (nonces[0] as FrostNonces) : FrostNonces.draw(1, shareOf(1), random);
      expect(() => own.sign(key, shareOf(1), { ...session, commitments }), String(i))
        .to.throw(CryptoError)
        .with.property("code", code);
    }
  });
});
