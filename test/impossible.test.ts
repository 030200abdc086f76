/**
 * What must be impossible, line by line, and the tests that try it. A line whose test was renamed or removed, or whose file skips
 * anything, fails here, so that none of them goes untried unnoticed.
 */
import { readFileSync } from "node:fs";

import { expect } from "chai";

/** Titles of tests by file, relative to this folder. */
type Tries = Readonly<Record<string, readonly string[]>>;

const LINES: Readonly<Record<string, Tries>> = {
  "fewer than t members issue, revoke or sign anything": {
    "e2e/faults.test.ts": ["t-1 parts are no signature, and t parts are"],
    "crypto/threshold-bls.test.ts": ["fewer than t never do"],
    "crypto/frost.test.ts": ["fewer than t do not get a signature share, nor a signature by pretending a smaller t"],
    "contracts/RevocationList.test.ts": [
      "is refused without the swarm's signature over words, masks, reason and expiry",
    ],
    "contracts/KeyCeremony.test.ts": [
      "needs the swarm's signature by the new shares: fewer than t, or another mesh's, are refused",
    ],
  },
  "a signature is replayed on another mesh, chain, contract, kind or sequence": {
    "contracts/replay.test.ts": [
      "${test.name}: on another mesh",
      "${test.name}: on another chain, at the same addresses",
      "${test.name}: on another contract",
      "${test.name}: as another kind",
    ],
    "contracts/RevocationList.test.ts": ["a newer head replaces the last, and no older or equal one does"],
    "certificate/verify.test.ts": ["whose parts are of another kind is refused"],
  },
  "a rogue key, a copied proof of possession or a point outside its group passes as a validator key": {
    "contracts/ValidatorRegistry.test.ts": [
      "copied from another account is refused",
      "of a rogue key, made from others' keys to cancel them, cannot be made",
      "with a point at infinity, off the curve, outside its subgroup or not canonical is refused",
      "copied from another account's transaction is refused, and does not stop that account",
    ],
  },
  "a tenant's gateways become candidates beyond its grant, or while they are revoked": {
    "contracts/ValidatorRegistry.test.ts": [
      "is one candidate for a device, as many as the grant allows, of its own batch, while it runs",
      "weighs nothing and takes no seat while the device is held, and never again once it is revoked",
      "comes with no other admission: an operator of this form is refused",
    ],
    "validator/candidacy.test.ts": [
      "none that is revoked, on another connection, for too long, or while it signs nothing",
    ],
    "certificate/candidacy.test.ts": [
      "of another device than a gateway is refused, and with a certificate that does not run, or is another mesh's",
    ],
  },
  "a dealer that copies another's ephemeral key goes unnamed or stops the ceremony": {
    "contracts/KeyCeremony.test.ts": [
      "refuses a copied one-time key, so that its dealer ends without a dealing, and is slashed for that",
    ],
    "e2e/cheats.test.ts": [
      "a copied one-time key, a copied dealing and a wrong number of commitments are refused by the contract",
    ],
  },
  "a dealer that deals badly for one key or to one receiver, or a receiver that complains falsely, goes unnamed": {
    "contracts/KeyCeremony.test.ts": [
      "slashes it for a bad ${kind} share, and goes on without it",
      "slashes it for complaining about a good ${kind} share, and keeps the dealing",
    ],
    "e2e/cheats.test.ts": ["each cheat is slashed by name for what it did, and nobody else"],
  },
  "a cheat stops the ceremony": {
    "e2e/cheats.test.ts": ["the honest finish in the first attempt, without the cheats' dealings, and certify devices"],
    "ledger/hostile-members.test.ts": [
      "a dealing in a call without the padding behind its last argument is read as the contract took it",
      "an endpoint that is no UTF-8 is read as none",
    ],
  },
  "f corrupt validators enrol somebody else's device": {
    "e2e/faults.test.ts": [
      "f members that hold a device's channel keys cannot enrol it: it has to ask with its own key",
    ],
  },
  "f corrupt validators exceed a quota": {
    "e2e/faults.test.ts": [
      "a fleet's quota is exact: with f conspirators that sign anything, no device gets one certificate more",
      "two certificates for one number, asked for at once, never both find t members",
    ],
  },
  "corrupt validators answer for a device that did not ask": {
    "protocol/issuance.test.ts": [
      "refuses a request made for another connection: it is replayed or relayed",
      "refuses a request that the listed device did not sign",
    ],
  },
  "a revoked device renews, or is accepted under a fresh head": {
    "e2e/revocation.test.ts": [
      "a registrar revokes: no renewal from the block on, and no verifier accepts under the next head",
    ],
    "protocol/issuance.test.ts": ["refuses a revoked device, enrolling or renewing"],
    "e2e/outages.test.ts": [
      "a validator's one node that hides a revocation does not get a revoked device signed: the state is proven",
    ],
  },
  "a stale head passes as fresh": {
    "e2e/revocation.test.ts": ["a stapled proof of before the revocation is refused by whoever has seen a newer head"],
    "certificate/verify.test.ts": ["of a revoked device is refused, and so is a stale, future or older list"],
    "device/lifecycle.test.ts": [
      "passes over a validator that shows an older head than one seen before, also after a restart",
    ],
  },
  "a copied certificate authenticates": {
    "e2e/enrolment.test.ts": ["a copied certificate is worth nothing without its key"],
    "certificate/verify.test.ts": ["made with a copied certificate is refused"],
  },
  "an account registers devices or claims a scope outside its grant": {
    "contracts/FleetRegistry.test.ts": [
      "is registered by the grant's registrar alone",
      "stays inside the scopes of its grant",
      "spends the grant's budget to the last device and no further",
    ],
  },
  "an account has devices revoked, or keys kept, that are not its own": {
    "validator/asking.test.ts": [
      "a revocation: by the registrar of every device in it, for this mesh, soon",
      "to keep channel keys: by the registrar, of its own devices, and never in the clear",
    ],
  },
  "a certificate counts outside its scope": {
    "certificate/verify.test.ts": ["is refused outside the certificate's scope"],
    "e2e/enrolment.test.ts": [
      "is refused where the certificate does not count, and for a scope that the fleet does not have",
    ],
  },
  "a validator signs bytes that it did not build": {
    "protocol/issuance.test.ts": ["gives an order whose every byte follows from the request and the mesh"],
    "protocol/votes.test.ts": ["takes no vote on a statement that it has not built"],
    "validator/asking.test.ts": ["a grant: to the letter as its operator approved it, and for this mesh"],
  },
  "a nonce is used twice": {
    "crypto/frost.test.ts": ["nonces sign once, even if what they were to sign was refused"],
    "protocol/sessions.test.ts": ["gives the nonces of a session once"],
  },
  "a share or key is written unencrypted or logged": {
    "runtime/sealed-file.test.ts": ["never hold the secret, and cannot be read once the sealing key is wiped"],
    "device/keystore.test.ts": ["holds no key in the clear"],
    "runtime/log.test.ts": ["hold no field whose name says that it is secret, at any depth"],
    "ledger/endpoint.test.ts": ["gives user and password in a header, and repeats them in no error"],
  },
  "a verifier crash, hang or acceptance on malformed CBOR, DER, points, proofs or JSON": {
    "fuzz.test.ts": [
      "are all exported decoders of src",
      "answer ${RUNS} random and ${RUNS} mutated inputs with a value of one encoding, or a typed error",
    ],
  },
  "two processes sign in one validator's place, or one from an old folder does": {
    "e2e/copies.test.ts": [
      "a copy beside the original ends before it signs or registers anything, and says where the original answers",
      "a copy that cannot reach the original takes its place, and the original signs nothing any more, after a restart too",
      "an old folder that is put back is noticed, and signs nothing; the newest one signs on",
    ],
    "validator/presence.test.ts": [
      "an old folder is told, however often it is started, and signs again in another office",
      "of two that start from one folder at most one signs, and the other goes on a period after that one ended",
      "too few answers settle nothing, and what a liar shows that this validator did not sign counts for nothing",
    ],
  },
  "a restart or `kill -9` of any process loses a share, a vote or a device's key": {
    "e2e/crashes.test.ts": [
      "every failpoint of the sources is one at which some test kills its process",
      "seven validators, killed at 20 places while they found their mesh, generate one key and keep their shares",
    ],
    "e2e/outages.test.ts": [
      "power cut: all validators are killed at once, come back with their shares, and know what they signed",
    ],
    "validator/promises.test.ts": [
      "one for a kind and number, the same again, and after a restart no other",
      "one that could not be stored was not given, also when it is asked for again",
    ],
    "device/keystore.test.ts": ["gives back identity and further keys after a restart"],
  },
};

/** Whatever makes mocha leave a test out: of itself, or all others. */
const LEFT_OUT = /\b(?:describe|context|it|specify)\.(?:skip|only)\b|\bx(?:describe|context|it|specify)\b|\.skip\(/;

describe("what must be impossible is tried", () => {
  for (const [line, tries] of Object.entries(LINES)) {
    it(line, () => {
      for (const [file, titles] of Object.entries(tries)) {
        const source = readFileSync(new URL(file, import.meta.url), "utf8");
        for (const title of titles) {
          const isThere = ['"', "`", "'"].some((quote) => source.includes(` it(${quote}${title}${quote}`));
          expect(isThere, `${file} has no test named "${title}"`).to.equal(true);
        }
        expect(source, `${file} leaves tests out`).not.to.match(LEFT_OUT);
      }
    });
  }
});
