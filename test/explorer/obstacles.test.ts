import { expect } from "chai";
import { AbiCoder } from "ethers";

import { Database } from "../../src/explorer/database.js";
import type { IndexedEvent } from "../../src/explorer/view.js";
import { TABLES as LIST_TABLES, applyToList } from "../../src/explorer/views/revocation/table.js";
import { TABLES, applyToValidators, obstacleAt } from "../../src/explorer/views/validators/table.js";
import { deviceOperator } from "../../src/statements/device-operator.js";

const [gateway, other] = [`0x${"1".repeat(40)}`, `0x${"2".repeat(40)}`] as const;
const DEVICE = 258;

describe("what keeps a validator from being drawn", () => {
  it("is the revocation or hold of the device that it is, from its block to the release", async () => {
    const database = await Database.open(":memory:");
    database.exec(
      `CREATE TABLE events (id INTEGER PRIMARY KEY, block INTEGER, name TEXT, args TEXT); ${TABLES}${LIST_TABLES}`,
    );
    let id = 0;
    const happened = (block: number, contract: string, name: string, args: Record<string, string>): void => {
      const entries = AbiCoder.defaultAbiCoder().encode(["bytes"], [args["entries"] ?? "0x"]);
      const event = {
        id: ++id,
        block,
        time: block,
        hash: "0x",
        contract,
        name,
        args,
        raw: { topics: [], data: entries },
      };
      applyToValidators(database, event as unknown as IndexedEvent);
      applyToList(database, event as unknown as IndexedEvent);
    };
    for (const [account, operator] of [
      [gateway, deviceOperator(DEVICE)],
      [other, `0x${"7".repeat(64)}`],
    ] as const) {
      happened(1, "registry", "ValidatorAdmitted", { account, operator });
      happened(1, "registry", "ValidatorRegistered", { account, stake: "1" });
    }
    const entries = `0x00000001${(1n << BigInt(DEVICE - 256)).toString(16).padStart(64, "0")}`;
    happened(3, "revocations", "Held", { entries });
    happened(5, "revocations", "Released", { entries });
    happened(7, "revocations", "Revoked", { entries, reason: "1" });

    const said = `its device ${DEVICE} was revoked or held`;
    expect([2, 3, 4, 5, 6, 7, 9].map((block) => obstacleAt(database, gateway, block))).to.deep.equal([
      undefined,
      said,
      said,
      undefined,
      undefined,
      said,
      said,
    ]);
    expect(obstacleAt(database, other, 9)).to.equal(undefined);
    database.close();
  });
});
