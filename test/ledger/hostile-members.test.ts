/** What a member may write on the ledger to stop those who read it: every reader goes on. */
import { expect } from "chai";
import { AbiCoder, type EventFragment, type FunctionFragment, concat, hexlify, toBeHex, zeroPadValue } from "ethers";

import { CONTRACT_NAMES, INTERFACES, addressesOf, type MeshAddresses } from "../../src/ledger/contracts.js";
import { readDealing } from "../../src/ledger/dealing.js";
import { eventDecoder, type LedgerEventNamed } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { LedgerSource } from "../../src/ledger/source.js";
import { deployMesh } from "../contracts/ceremony-fixture.js";
import { endpointOf } from "./support/chain.js";
import { serve } from "./support/serve.js";

const account = (n: number): string => zeroPadValue(toBeHex(n), 20);

describe("hostile members", () => {
  it("an endpoint that is no UTF-8 is read as none", () => {
    const addresses = Object.fromEntries(
      CONTRACT_NAMES.map((name, i) => [name, account(i + 1)]),
    ) as unknown as MeshAddresses;
    const { topicHash } = INTERFACES.registry.getEvent("ValidatorUpdated") as EventFragment;
    const event = eventDecoder(addresses)({
      address: addresses.registry,
      topics: [topicHash, zeroPadValue(account(9), 32)],
      // As an encoder that does not care writes it: bytes in place of a text.
      data: AbiCoder.defaultAbiCoder().encode(
        ["bytes32", "bytes", "string"],
        [toBeHex(1, 32), "0xfffe3a3434", "grp:city"],
      ),
      blockNumber: 1,
      blockHash: toBeHex(1, 32),
      transactionHash: toBeHex(2, 32),
      logIndex: 0,
    });
    expect(event.args).to.include({ endpoint: "", scope: "grp:city" });
    new Projection().apply(event);
  });

  it("a dealing in a call without the padding behind its last argument is read as the contract took it", async () => {
    // With an even threshold a dealing does not fill its last word.
    const mesh = await deployMesh(5);
    await mesh.ceremony.startKeyGeneration();
    await mesh.acceptAll();
    await mesh.advance();
    await mesh.takeSeats();
    const dealing = mesh.makeDealing(1);
    expect(dealing.length % 32).not.to.equal(0);
    const { selector } = INTERFACES.ceremony.getFunction("deal") as FunctionFragment;
    const words = [mesh.id, mesh.attempt, 1, 6 * 32, 5 * 32, 0, dealing.length].map((word) => toBeHex(word, 32));
    const wallet = mesh.memberAt(1).wallet;
    const sent = await wallet.sendTransaction({
      to: mesh.ceremony.target,
      data: concat([selector, ...words, dealing]),
    });
    await sent.wait();

    const served = await serve(mesh.chain.provider);
    const endpoint = endpointOf(served.url);
    const source = new LedgerSource({ endpoints: [endpoint], ownNode: true, finalityBlocks: 0 });
    try {
      const addresses = await addressesOf(await mesh.anchor.getAddress(), endpoint.provider);
      const logs = await source.logs([addresses.ceremony], 0, (await source.finalised()).number);
      const dealt = logs.map(eventDecoder(addresses)).find(({ name }) => name === "Dealt") as LedgerEventNamed<"Dealt">;
      const shape = { kind: mesh.kind, seats: mesh.quorum.n, threshold: mesh.quorum.t };
      expect(hexlify((await readDealing(source, addresses, dealt, shape)).bytes)).to.equal(hexlify(dealing));
    } finally {
      source.close();
      await served.close();
    }
  });
});
