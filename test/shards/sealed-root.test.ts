/** A root sealed to an identity key: HPKE as RFC 9180 has it, and nobody else's key, device, version or mesh opens it. */
import { type KeyObject, createPrivateKey, createPublicKey } from "node:crypto";

import { expect } from "chai";

import { deviceKeyOf, generateDeviceKey } from "../../src/device/identity.js";
import { hmac } from "../../src/shards/bytes.js";
import { type KeySource, deviceRoot } from "../../src/shards/derivation.js";
import { hpkeOpen, hpkeSeal } from "../../src/shards/hpke.js";
import { openRoot, sealRoot, sealedRootId } from "../../src/shards/sealed-root.js";
import { KEY_TYPE } from "../../src/statements/cose.js";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const meshId = new Uint8Array(32).fill(7);
const source: KeySource = { mac: (message) => hmac(new Uint8Array(32).fill(1), message), close: () => undefined };
const context = { meshId, device: 300, version: 2 };

/** RFC 9180, A.1.1 and A.3.1: recipient's private key, encapsulated key, and the first ciphertext. */
const VECTORS = {
  "A.1.1, X25519": {
    privateKey: () =>
      createPrivateKey({
        key: Buffer.from(
          "302e020100300506032b656e042204204612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
          "hex",
        ),
        format: "der",
        type: "pkcs8",
      }),
    enc: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    ct: "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
  },
  "A.3.1, P-256": {
    privateKey: () => {
      const point = bytes(
        "fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
      );
      const text = (part: Uint8Array): string => Buffer.from(part).toString("base64url");
      const d = text(bytes("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"));
      const [x, y] = [text(point.subarray(0, 32)), text(point.subarray(32))];
      return createPrivateKey({ key: { kty: "EC", crv: "P-256", x, y, d }, format: "jwk" });
    },
    enc: "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
    ct: "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
  },
};

describe("a root sealed to an identity key", () => {
  for (const [name, { privateKey, enc, ct }] of Object.entries(VECTORS)) {
    it(`opens what RFC 9180, ${name}, sealed`, async () => {
      const about = {
        info: bytes("4f6465206f6e2061204772656369616e2055726e"),
        associatedData: bytes("436f756e742d30"),
        aead: "aes128gcm",
      } as const;
      const opened = await hpkeOpen(privateKey(), bytes(enc + ct), about);
      expect(Buffer.from(opened ?? []).toString()).to.equal("Beauty is truth, truth beauty");
      expect(await hpkeOpen(privateKey(), bytes(enc + ct), { ...about, aead: "aes256gcm" })).to.equal(undefined);
    });
  }

  for (const [name, type] of Object.entries(KEY_TYPE)) {
    describe(`of ${name}`, () => {
      const privateKey: KeyObject = generateDeviceKey(type);
      const key = deviceKeyOf(createPublicKey(privateKey));

      it("opens with the private half, for its device and version", async () => {
        const sealed = await sealRoot(source, key, context);
        expect(await openRoot(privateKey, context, sealed)).to.deep.equal(
          new Uint8Array(await deviceRoot(source, meshId, 300)),
        );
        expect(await sealRoot(source, key, context)).to.not.deep.equal(sealed);
      });

      it("opens for nobody and nothing else, however it was changed", async () => {
        const sealed = await sealRoot(source, key, context);
        expect(await openRoot(generateDeviceKey(type), context, sealed)).to.equal(undefined);
        expect(await openRoot(privateKey, { ...context, device: 301 }, sealed)).to.equal(undefined);
        expect(await openRoot(privateKey, { ...context, version: 3 }, sealed)).to.equal(undefined);
        expect(await openRoot(privateKey, { ...context, meshId: new Uint8Array(32) }, sealed)).to.equal(undefined);
        for (let at = 0; at < sealed.length; at += 7) {
          const changed = Uint8Array.from(sealed);
          changed[at] = (changed[at] as number) ^ 1;
          expect(await openRoot(privateKey, context, changed), `byte ${at}`).to.equal(undefined);
          expect(await openRoot(privateKey, context, sealed.subarray(0, at)), `${at} bytes`).to.equal(undefined);
        }
        const short = await hpkeSeal(key, new Uint8Array(31), {
          info: new Uint8Array(),
          associatedData: new Uint8Array(),
        });
        expect(await openRoot(privateKey, context, short)).to.equal(undefined);
      });
    });
  }

  it("takes no point of small order, whose secret everybody knows", async () => {
    const zero = new Uint8Array(32 + 48);
    const about = { info: new Uint8Array(), associatedData: new Uint8Array() };
    expect(await hpkeOpen(generateDeviceKey(KEY_TYPE.ed25519), zero, about)).to.equal(undefined);
  });

  it("has a name of its own for each device, version and mesh", () => {
    const others = [{ device: 301 }, { version: 3 }, { meshId: new Uint8Array(32) }];
    const names = [{}, ...others].map((other) => Buffer.from(sealedRootId({ ...context, ...other })).toString("hex"));
    expect(new Set(names).size).to.equal(4);
  });
});
