import { randomBytes } from "node:crypto";

import { expect } from "chai";

import {
  type OneTimeSignature,
  decodeOneTimeSignature,
  encodeOneTimeSignature,
  messageDigest,
  oneTimeKey,
  oneTimeRoot,
  signOnce,
  verifyOnce,
} from "../../src/shards/one-time-keys.js";
import { KEY_TYPE } from "../../src/statements/cose.js";

const seed = new Uint8Array(32).fill(3);
const COUNT = 13;

for (const [name, type] of Object.entries(KEY_TYPE)) {
  describe(`one-time keys on ${name}`, () => {
    const root = oneTimeRoot(seed, COUNT, type);

    it("sign, each under the one root, and verify with signature, key and path alone", async () => {
      const digest = await messageDigest([Buffer.from("firm"), Buffer.from("ware")]);
      expect(digest).to.deep.equal(await messageDigest([Buffer.from("firmware")]));
      for (let index = 0; index < COUNT; index++) {
        const signature = decodeOneTimeSignature(encodeOneTimeSignature(signOnce(seed, index, COUNT, type, digest)));
        expect(verifyOnce(signature, root, digest), `${index}`).to.equal(true);
      }
    });

    it("refuse another message, index, key, root, path and count", async () => {
      const digest = await messageDigest([Buffer.from("firmware")]);
      const signature = signOnce(seed, 5, COUNT, type, digest);
      const changed: OneTimeSignature[] = [
        { ...signature, index: 4 },
        { ...signature, count: COUNT + 1 },
        { ...signature, publicKey: oneTimeKey(seed, 6, type).publicKey },
        { ...signature, signature: signature.signature.map((byte) => byte ^ 1) },
        { ...signature, path: signature.path.slice(32) },
        { ...signature, path: signature.path.slice(1) },
        { ...signature, type: type === KEY_TYPE.p256 ? KEY_TYPE.ed25519 : KEY_TYPE.p256 },
        signOnce(randomBytes(32), 5, COUNT, type, digest),
      ];
      for (const bad of changed) expect(verifyOnce(bad, root, digest)).to.equal(false);
      expect(verifyOnce(signature, root, await messageDigest([Buffer.from("malware")]))).to.equal(false);
      expect(verifyOnce(signature, oneTimeRoot(seed, COUNT + 1, type), digest)).to.equal(false);
    });

    it("used twice are seen by a verifier that keeps the indexes", async () => {
      const used = new Set<number>();
      const [first, second] = [await messageDigest([Buffer.from("1")]), await messageDigest([Buffer.from("2")])];
      expect(verifyOnce(signOnce(seed, 5, COUNT, type, first), root, first, used)).to.equal(true);
      expect(() => verifyOnce(signOnce(seed, 5, COUNT, type, second), root, second, used)).to.throw(
        "has signed before",
      );
      expect(verifyOnce(signOnce(seed, 6, COUNT, type, second), root, second, used)).to.equal(true);
    });

    it("end with their number", async () => {
      const digest = await messageDigest([]);
      for (const index of [-1, COUNT, 1.5]) {
        expect(() => signOnce(seed, index, COUNT, type, digest)).to.throw("there are 13 one-time keys");
      }
    });
  });
}
