/** How a validator knows the members that it asks: by the registry's pin and the swarm's certificate. */
import { expect } from "chai";
import { getBytes, hexlify } from "ethers";

import { encodeCbor } from "../../src/certificate/cbor.js";
import { DerReader } from "../../src/certificate/der.js";
import { readSubjectPublicKeyInfo } from "../../src/certificate/public-key-info.js";
import { meshAuthority } from "../../src/certificate/x509-authority.js";
import { memberCertificateToSign } from "../../src/certificate/x509-leaf.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { formatEndpoint } from "../../src/net/endpoint.js";
import { MemberServers } from "../../src/net/member-servers.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { type Peers, registeredPeers } from "../../src/validator/peers.js";
import { NOW, memberFields, meshId, seed, signX509, trust } from "../certificate/fixtures.js";
import { closeAll, errorOf, onClose, serve } from "../net/server-fixture.js";

const authority = meshAuthority({ meshId, keys: trust.keys, crlUrl: undefined });
const ACCOUNT = hexlify(seed("account").slice(12));

describe("the members that a validator asks", () => {
  afterEach(closeAll);

  it("are taken by the registered key and the swarm's certificate for the account, and by the bare key until then", async () => {
    const { server, identity } = await serve({
      routes: [{ method: "GET", path: "/v1/asked", handle: () => ({ body: encodeCbor("answered") }) }],
    });
    const projection = new Projection();
    const apply = (name: string, args: object): void =>
      projection.apply({ contract: "registry", blockNumber: 1, name, args } as unknown as LedgerEvent);
    const contact = { tlsPin: hexlify(identity.pin), endpoint: formatEndpoint(server), scope: "", blsKey: {} };
    apply("ValidatorAdmitted", { account: ACCOUNT, operator: ACCOUNT });
    apply("ValidatorRegistered", { account: ACCOUNT, stake: 1n, ...contact });

    const servers = new MemberServers({
      trust: () => ({ meshId, ...trust }),
      nowSeconds: () => NOW,
      signatures: nativeSignatures,
      bareAfterEnd: true,
    });
    const credentials = () => ({ key: identity.key, chain: [identity.certificate] });
    const peers = (): Peers => {
      const made = registeredPeers(projection, new Map([[2, ACCOUNT]]), undefined, { credentials, servers });
      onClose(() => made.close());
      return made;
    };
    const show = (account?: Uint8Array): void => {
      const key = readSubjectPublicKeyInfo(new DerReader(identity.spki, "key"));
      const certified = account && signX509(memberCertificateToSign(memberFields({ key, account }), authority));
      server.renew({ key: identity.key, chain: [certified ?? identity.certificate] });
    };
    // On a new connection each time: what is open goes on.
    const ask = (): Promise<Uint8Array> => peers().get(2, "/v1/asked");

    await ask();
    show(seed("another").slice(12));
    expect((await errorOf(ask())).code).to.equal("wrong-member");
    show(getBytes(ACCOUNT));
    await ask();
    show();
    expect((await errorOf(ask())).code).to.equal("not-certified");
    apply("ValidatorUpdated", { account: ACCOUNT, ...contact, tlsPin: hexlify(seed("another key")) });
    show(getBytes(ACCOUNT));
    expect((await errorOf(ask())).code).to.equal("wrong-key");
  });
});
