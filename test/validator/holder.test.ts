/** A gateway-class device that keeps shards: of the fleets that it was offered to, what their registrars deliver, and nothing else. */
import { join } from "node:path";

import { expect } from "chai";
import { HDNodeWallet, hexlify } from "ethers";
import { network } from "hardhat";

import { freePorts } from "../../src/net/free-ports.js";
import { type MeshLedger, openMeshLedger } from "../../src/operator/ledger.js";
import {
  type OpenHolders,
  openHolders,
  reachableHolders,
  registeredHolders,
} from "../../src/operator/shard-holders.js";
import { openDataFolder } from "../../src/runtime/data-folder.js";
import { silentLogger } from "../../src/runtime/log.js";
import { type MeshFile, fingerprintOf } from "../../src/runtime/mesh-file.js";
import { LIGHT_KDF } from "../../src/runtime/sealed-file.js";
import { type RunningHolder, startHolder } from "../../src/validator/holder.js";
import { initialiseHolder, openHolder } from "../../src/validator/holder-folder.js";
import { type Mesh } from "../contracts/mesh.js";
import { BATCH, withFleet } from "../contracts/shard-map-fixture.js";
import { Proxy } from "../ledger/support/proxy.js";
import { type Served, serve } from "../ledger/support/serve.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const PASSPHRASE = "correct horse";
/** That of the accounts which Hardhat's networks have. */
const PHRASE = "test test test test test test test test test test test junk";
const NAME = { fleetId: 1, subject: 0, version: 1 };
const GATEWAY = 7;

describe("a gateway that keeps shards", function () {
  this.timeout(60_000);
  let mesh: Mesh;
  let served: Served;
  let proxy: Proxy;
  let file: MeshFile;
  let ledger: MeshLedger;
  let path: string;
  let endpoint: string;
  let holder: RunningHolder;
  let holders: OpenHolders;

  async function start(): Promise<RunningHolder> {
    const folder = await openDataFolder(path, "holder");
    const opened = await openHolder(folder, PASSPHRASE);
    const started = await startHolder({
      folder,
      ...opened,
      mesh: file,
      log: silentLogger,
    });
    return { ...started, stop: () => started.stop().then(() => folder.close()) };
  }

  before(async () => {
    mesh = await withFleet(await network.create());
    served = await serve(mesh.on.provider);
    // Who asks it for a WebSocket is told that there is none.
    proxy = await new Proxy(served.url).start();
    const rootCertificate = new Uint8Array(300).fill(1);
    file = {
      meshId: new Uint8Array(Buffer.from(mesh.meshId.slice(2), "hex")),
      chainId: 31337n,
      anchor: await mesh.anchor.getAddress(),
      deployedBlock: 0,
      rpc: [proxy.url],
      ownNode: true,
      rootCertificate,
      rootFingerprint: fingerprintOf(rootCertificate),
    };
    ledger = await openMeshLedger(file);
    path = join(await scratchFolder(), "gateway");
    const [port = 0] = await freePorts(1);
    endpoint = `127.0.0.1:${port}`;
    const folder = await openDataFolder(path, "holder");
    const { pin } = await initialiseHolder(
      folder,
      PASSPHRASE,
      { listen: endpoint, endpoint, quotaBytes: 1_000 },
      LIGHT_KDF,
    );
    await folder.close();
    holder = await start();
    const wallets = Array.from({ length: 20 }, (_, i) =>
      HDNodeWallet.fromPhrase(PHRASE, undefined, `m/44'/60'/0'/0/${i}`),
    );
    const wallet = wallets.find(({ address }) => address === mesh.registrar.address);
    const nowSeconds = (): number => Math.floor(Date.now() / 1000);
    const access = { ledger, wallet: wallet as HDNodeWallet, nowSeconds };
    holders = openHolders(access, [{ tlsPin: pin, endpoint }]);
  });
  after(async () => {
    holders.close();
    await holder.stop();
    ledger.close();
    await proxy.stop();
    await served.close();
    await removeScratchFolders();
  });

  const row = (at: number, length = 48) => ({
    id: new Uint8Array(32).fill(at),
    device: GATEWAY + 1,
    bytes: new Uint8Array(length).fill(at),
  });
  const deliver = (...rows: ReturnType<typeof row>[]): Promise<void> => {
    const [own] = holders.list;
    return holders.deliverTo(own as (typeof holders.list)[number], NAME, rows);
  };
  const causeOf = async (work: Promise<unknown>): Promise<unknown> => {
    const error: unknown = await work.catch((raised: unknown) => raised);
    return ((error as Error).cause as { code?: unknown }).code;
  };

  it("takes nothing of a fleet that it was not offered to, and is asked by the generator once it was", async () => {
    expect(await reachableHolders(holders.list)).to.have.length(1);
    expect(await causeOf(deliver(row(1)))).to.equal("not-offered");
    const [own] = holders.list;
    await mesh.shards.connect(mesh.registrar).addHolder(BATCH, GATEWAY, hexlify(own?.tlsPin ?? ""), endpoint);
    // Not before the offer is final.
    await mesh.on.networkHelpers.mine(4);
    const registered = await registeredHolders(ledger, 1);
    expect(registered).to.deep.equal(holders.list);
    for (;;) {
      const error: unknown = await deliver(row(1)).catch((raised: unknown) => raised);
      if (error === undefined) break;
      expect(((error as Error).cause as { code: string }).code).to.equal("not-offered");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  it("shows its registrar what it keeps, also after a restart, and keeps its quota", async () => {
    expect(await causeOf(deliver(row(2, 1_000)))).to.equal("store-full");
    await holder.stop();
    holder = await start();
    const [own] = holders.list;
    const show = () => holders.sample(own as (typeof holders.list)[number], NAME, [row(1).id, row(2).id]);
    for (;;) {
      const shown = await show().catch((error: { code: string }) => error);
      if ("shards" in shown) {
        expect(shown.shards).to.deep.equal([row(1).bytes, null]);
        expect(shown.count).to.equal(1);
        break;
      }
      // Until it has read the ledger again.
      expect(shown.code).to.equal("not-offered");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  it("deletes a version that is over", async () => {
    const shards = mesh.shards.connect(mesh.registrar);
    const now = BigInt(await mesh.on.networkHelpers.time.latest());
    const map = { ...NAME, scheme: 1, threshold: 1, shards: 1, replicas: 1, graceSeconds: 0, rotationSeconds: 1 };
    const terms = { ...map, validFrom: now, validUntil: now + 3_600n, root: `0x${"77".repeat(32)}` };
    await shards.rotate(1, terms, "0x80");
    await shards.invalidate(1, 0, 1);
    await mesh.on.networkHelpers.mine(4);
    const [own] = holders.list;
    for (;;) {
      const { count } = await holders.sample(own as (typeof holders.list)[number], NAME, []);
      if (count === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});
