import { expect } from "chai";
import fc from "fast-check";

import { decodeProvisioning, encodeProvisioning } from "../../src/device/provisioning.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { keySecret } from "./device-fixture.js";
import { TestMesh } from "./mesh-fixture.js";

const FILE = "devices/7/provisioning.json";

function fieldOfError(content: string): unknown {
  try {
    decodeProvisioning(content, FILE);
  } catch (error) {
    expect(error).to.be.instanceOf(SwarmkeepError);
    expect((error as SwarmkeepError).code).to.equal("bad-provisioning");
    expect((error as SwarmkeepError).message).to.contain(FILE);
    return (error as SwarmkeepError).details["field"];
  }
  return undefined;
}

describe("a provisioning file", () => {
  let content = "";
  before(async () => {
    content = encodeProvisioning((await TestMesh.create(4)).provision(keySecret()));
  });

  const changed = (name: string, value: unknown): string =>
    JSON.stringify({ ...(JSON.parse(content) as object), [name]: value });

  it("is read as it was written", () => {
    expect(encodeProvisioning(decodeProvisioning(content, FILE))).to.equal(content);
  });

  it("names the field that is wrong", () => {
    const wrong: readonly [string, unknown][] = [
      ["format", "swarmkeep-device/2"],
      ["meshId", "00"],
      ["chainId", 31337],
      ["anchor", "0x00"],
      ["rootFingerprint", null],
      ["validators", "127.0.0.1:7001"],
      ["validators", [1]],
      ["periodSeconds", 0],
      ["lifetimeSeconds", -1],
      ["scope", "everywhere"],
      ["joinMethod", "password"],
      ["fleetId", 1.5],
      ["class", 256],
      ["keyType", "rsa"],
      ["publicKey", "zz"],
    ];
    for (const [name, value] of wrong) expect(fieldOfError(changed(name, value)), name).to.equal(name);
  });

  it("whose key, salt, index or path is not the manifest's is refused", () => {
    for (const name of ["salt", "manifestRoot", "publicKey"]) {
      expect(fieldOfError(changed(name, "11".repeat(32))), name).to.equal("path");
    }
    expect(fieldOfError(changed("index", 256))).to.equal("path");
    expect(fieldOfError(changed("path", []))).to.equal("path");
    expect(fieldOfError(changed("path", ["11"]))).to.equal("path.0");
  });

  it("of any other content is refused with a typed error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(fieldOfError(text)).to.not.equal(undefined);
      }),
    );
  });
});
