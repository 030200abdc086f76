import { expect } from "chai";

import { nobleBls } from "../../src/crypto/bls.js";
import {
  type BeaconChain,
  type BeaconLink,
  beaconValue,
  expectBeaconKeys,
  formatBeaconChain,
  parseBeaconChain,
  verifyBeaconChain,
} from "../../src/protocol/beacon-chain.js";
import { domainSeparator, statementDigest } from "../../src/statements/eip712.js";
import { SwarmkeepError } from "../../src/statements/errors.js";

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const [OLD, NEW] = [filled(32, 7), filled(32, 8)];
const MESH = { chainId: 31_337n, meshId: filled(32, 1), rotation: filled(20, 2) };
const SEPARATOR = domainSeparator({ chainId: MESH.chainId, meshId: MESH.meshId, verifyingContract: MESH.rotation });

function link(epoch: bigint, previous: Uint8Array, secret: Uint8Array): BeaconLink {
  const fields = { epoch, previous, blockNumber: 100n * epoch, prevrandao: filled(32, Number(epoch)) };
  const signature = nobleBls.sign(secret, statementDigest(SEPARATOR, "Beacon", fields));
  return { ...fields, signature, value: beaconValue(signature) };
}

/** Beacons of epochs 2 to 5; a new generation of keys begins in epoch 4. */
const chain = ((): BeaconChain => {
  const links: BeaconLink[] = [];
  for (const epoch of [2n, 3n, 4n, 5n]) {
    links.push(link(epoch, links.at(-1)?.value ?? MESH.meshId, epoch > 4n ? NEW : OLD));
  }
  const keys = [
    { fromEpoch: 1n, blsKey: nobleBls.publicKey(OLD) },
    { fromEpoch: 4n, blsKey: nobleBls.publicKey(NEW) },
  ];
  return { ...MESH, keys, links };
})();

function changed(i: number, change: Partial<BeaconLink>): BeaconChain {
  return { ...chain, links: chain.links.map((one, j) => (i === j ? { ...one, ...change } : one)) };
}

function expectBroken(given: BeaconChain, epoch: string, what: string): void {
  try {
    verifyBeaconChain(given, nobleBls);
  } catch (error) {
    expect(error).to.be.instanceOf(SwarmkeepError);
    expect((error as SwarmkeepError).code).to.equal("beacon-broken");
    expect((error as SwarmkeepError).details).to.deep.equal({ epoch });
    expect((error as SwarmkeepError).message).to.include(what);
    return;
  }
  throw new Error(`nothing was wrong: ${what}`);
}

describe("the chain of beacons", () => {
  it("verifies from the mesh id to its last link, over a change of keys", () => {
    verifyBeaconChain(chain, nobleBls);
    verifyBeaconChain({ ...chain, links: [] }, nobleBls);
  });

  it("is refused where a link is left out, repeated or moved", () => {
    const [first, second, third, fourth] = chain.links as [BeaconLink, BeaconLink, BeaconLink, BeaconLink];
    expectBroken({ ...chain, links: [first, third, fourth] }, "4", "does not follow");
    expectBroken({ ...chain, links: [second] }, "3", "does not follow");
    expectBroken({ ...chain, links: [first, first] }, "2", "does not come after");
    expectBroken({ ...chain, links: [second, first] }, "3", "does not follow");
  });

  it("is refused where a link says something that was not signed", () => {
    for (const change of [
      { blockNumber: 1n },
      { prevrandao: filled(32, 9) },
      { signature: (chain.links[0] as BeaconLink).signature },
      { signature: filled(96, 0) },
    ]) {
      expectBroken(changed(1, change), "3", "did not sign");
    }
    expectBroken(changed(3, { value: filled(32, 3) }), "5", "hash of its signature");
  });

  it("is refused for another mesh, chain, contract or key", () => {
    expectBroken({ ...chain, chainId: 1n }, "2", "did not sign");
    expectBroken({ ...chain, rotation: filled(20, 3) }, "2", "did not sign");
    expectBroken({ ...chain, meshId: filled(32, 9) }, "2", "does not follow");
    expectBroken({ ...chain, keys: chain.keys.slice(1) }, "2", "no group key");
    expectBroken({ ...chain, keys: chain.keys.slice(0, 1) }, "5", "did not sign");
  });

  it("goes through a file unchanged", () => {
    const text = formatBeaconChain(chain);
    expect(parseBeaconChain(text)).to.deep.equal(chain);
    expect(formatBeaconChain(parseBeaconChain(text))).to.equal(text);
  });

  it("is read from no file that is damaged, with the field that is", () => {
    const text = formatBeaconChain(chain);
    for (const [from, to, field] of [
      ['"format": 1', '"format": 2', "format"],
      ['"chainId": "31337"', '"chainId": 31337', "chainId"],
      ['"epoch": "2"', '"epoch": "-2"', "beacons[0].epoch"],
      ['"epoch": "2"', '"epoch": "99999999999999999999"', "beacons[0].epoch"],
      ['"beacons": [', '"beacons": {}, "others": [', "beacons"],
      ['"signature": "0x', '"signature": "0xzz', "beacons[0].signature"],
      ['"signature": "0x', '"signature": "0x00', "beacons[0].signature"],
      ['"meshId": "0x', '"meshId": "', "meshId"],
    ] as const) {
      expect(text).to.include(from);
      expect(() => parseBeaconChain(text.replace(from, to)), to).to.throw(SwarmkeepError, field);
    }
    for (const broken of ["", "[]", "null", "7", text.slice(0, -10), '{"format":1}']) {
      expect(() => parseBeaconChain(broken), broken).to.throw(SwarmkeepError, "no chain of beacons");
    }
  });

  it("is held to group keys that are known otherwise, each generation's after the one before", () => {
    const [old, next, other] = [OLD, NEW, filled(32, 9)].map((secret) => nobleBls.publicKey(secret)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    for (const known of [
      [old, next],
      [other, old, next],
      [old, next, other],
    ]) {
      expectBeaconKeys(chain, known);
    }
    for (const known of [[old], [next], [next, old], [other], []]) {
      expect(() => expectBeaconKeys(chain, known)).to.throw(SwarmkeepError, "under another group key");
    }
    expectBeaconKeys({ ...chain, keys: chain.keys.slice(0, 1) }, [old]);
  });

  it("is read from no altered file as another chain that verifies", () => {
    const text = formatBeaconChain(chain);
    let state = 99;
    for (let run = 0; run < 300; run++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const at = state % text.length;
      const altered = text.slice(0, at) + "0123456789abcdef"[state >>> 28] + text.slice(at + 1);
      if (altered === text) continue;
      let parsed: BeaconChain;
      try {
        parsed = parseBeaconChain(altered);
      } catch (error) {
        expect(error).to.be.instanceOf(SwarmkeepError);
        continue;
      }
      if (run < 30) expect(() => verifyBeaconChain(parsed, nobleBls)).to.throw(SwarmkeepError, "not one of this mesh");
    }
  });
});
