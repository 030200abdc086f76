/** The events of a real ceremony, as the engine takes them. */
import { expect } from "chai";
import { hexlify } from "ethers";

import { CeremonyFeed } from "../../src/ledger/ceremony-feed.js";
import { addressesOf, type MeshAddresses } from "../../src/ledger/contracts.js";
import { eventDecoder, type LedgerEvent } from "../../src/ledger/events.js";
import { Projection, type CeremonyEvent } from "../../src/ledger/projection.js";
import { LedgerSource } from "../../src/ledger/source.js";
import type { CeremonyEvent as EngineEvent } from "../../src/protocol/ceremony/events.js";
import { deployMesh, type CeremonyMesh } from "../contracts/ceremony-fixture.js";
import { endpointOf } from "./support/chain.js";
import { failure } from "./support/failure.js";
import { Proxy } from "./support/proxy.js";
import { serve, type Served } from "./support/serve.js";

describe("ceremony feed", () => {
  let mesh: CeremonyMesh;
  let served: Served;
  let proxy: Proxy;
  let source: LedgerSource;
  let addresses: MeshAddresses;
  let events: readonly CeremonyEvent[];

  before(async () => {
    mesh = await deployMesh(4);
    const derived = await mesh.runToAcknowledge();
    await mesh.acknowledge([1, 2, 3], derived.outcomeHash);
    const activation = mesh.sign(derived, [1, 2, 3]);
    await mesh.ceremony.activate(mesh.id, mesh.attempt, derived.outcome, activation);

    served = await serve(mesh.chain.provider);
    proxy = await new Proxy(served.url).start();
    const endpoint = endpointOf(proxy.url);
    source = new LedgerSource({ endpoints: [endpoint], ownNode: true, finalityBlocks: 0 });
    addresses = await addressesOf(await mesh.anchor.getAddress(), endpoint.provider);
    const logs = await source.logs(Object.values(addresses), 0, (await source.finalised()).number);
    const projection = new Projection();
    for (const event of logs.map(eventDecoder(addresses)) as LedgerEvent[]) projection.apply(event);
    events = projection.ceremonies.get(mesh.id) ?? [];
    expect(projection.office?.edKey).to.equal(derived.outcome.edKey);
  });

  after(async () => {
    source.close();
    await proxy.stop();
    await served.close();
  });

  async function translated(): Promise<EngineEvent[]> {
    const feed = new CeremonyFeed(source, addresses);
    const list: EngineEvent[] = [];
    for (const event of events) list.push(await feed.translate(event));
    return list;
  }

  it("gives each event in order, and dealings with their bytes", async () => {
    const list = await translated();
    const once = list.map(({ name }) => name).filter((name, index, names) => name !== names[index - 1]);
    const phases = ["CeremonyStarted", "Invited", "Accepted", "Seated", "Dealt", "Dealings", "Closed"];
    expect(once).to.deep.equal([...phases, "Acknowledged", "Activated"]);
    for (const event of list) {
      if (event.name !== "Dealt") continue;
      expect(hexlify(event.dealing)).to.equal(hexlify(mesh.dealings.get(event.dealer) ?? "0x"));
    }
    expect(list.find(({ name }) => name === "CeremonyStarted")).to.include({
      kind: "generation",
      seats: 4,
      threshold: 3,
    });
    const closed = list.find((event) => event.name === "Closed");
    expect(closed?.name === "Closed" && closed.counted).to.deep.equal([1, 2, 3]);
  });

  it("refuses a dealing that is not the one of the event", async () => {
    proxy.lie = ({ method }, result) => {
      if (method !== "eth_getTransactionByHash") return result;
      const { input, ...rest } = result as { input: string };
      const at = input.length - 300;
      return { ...rest, input: input.slice(0, at) + (input[at] === "0" ? "1" : "0") + input.slice(at + 1) };
    };
    expect((await failure(translated())).code).to.equal("bad-proof");
    proxy.lie = (_call, result) => result;
  });
});
