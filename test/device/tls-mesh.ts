/** The test mesh over real TLS 1.3 on loopback, at the time of the real clock. */
import { PATH } from "../../src/protocol/api.js";
import { type RunningServer, type Route, startServer } from "../../src/net/server.js";
import { type TlsIdentity, tlsIdentity } from "../../src/net/tls-identity.js";
import { silentLogger } from "../../src/runtime/log.js";
import { Refusal } from "../../src/certificate/refusal.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { LeapingClock, TestMesh, type Validator } from "./mesh-fixture.js";

/** Sleeping takes no time all the same. */
export class RealClock extends LeapingClock {
  override now = (): number => Date.now();
}

export interface TlsMesh {
  readonly mesh: TestMesh;
  /** By seat, from 1 on. */
  readonly servers: readonly RunningServer[];
  /** Shows the swarm's certificate at servers with these seats from now on, and the bare key at the others. */
  certify(seats: readonly number[]): void;
  close(): Promise<void>;
}

function routesOf(validator: Validator): Route[] {
  const route = (method: Route["method"], path: string): Route => ({
    method,
    path,
    handle: ({ body, peer, parameters, query }) => {
      const { index, fleet, subject } = parameters;
      const full =
        index !== undefined
          ? `${PATH.drlProof}/${index}?alg=${query.get("alg")}`
          : subject !== undefined
            ? `${PATH.shardMap}/${fleet}/${subject}`
            : path;
      const { channelBinding: binding, pskIdentity, certificate } = peer;
      return validator.answer({ path: full, body, binding, pskIdentity, certificate });
    },
  });
  return [
    route("GET", PATH.bundle),
    route("GET", PATH.authority),
    route("GET", PATH.crl),
    route("GET", PATH.drlHead),
    route("GET", `${PATH.drlProof}/:index`),
    route("POST", PATH.issue),
    route("POST", PATH.frostSign),
    route("POST", PATH.revoke),
    route("POST", PATH.revocations),
    route("GET", `${PATH.shardMap}/:fleet/:subject`),
    route("POST", PATH.shardMapSign),
    route("POST", PATH.shards),
  ];
}

export async function startTlsMesh(n = 4): Promise<TlsMesh> {
  const mesh = await TestMesh.create(n, new RealClock());
  const identities = await Promise.all(
    mesh.validators.map(({ tlsKey }) => tlsIdentity(tlsKey.export({ format: "der", type: "pkcs8" }))),
  );
  const servers = await Promise.all(
    mesh.validators.map(async (validator, i) => {
      const server = await startServer({
        port: 0,
        identity: identities[i] as TlsIdentity,
        preSharedKey: (identity) => validator.preSharedKeys.get(identity) ?? null,
        routes: routesOf(validator),
        log: silentLogger,
        // Devices and validators are one process here: that it is busy is no flood.
        limits: { eventLoopDelayMilliseconds: 60_000 },
        explain: (error) =>
          error instanceof Refusal
            ? new SwarmkeepError(error.message, { kind: "refused", code: error.code, advice: "See the protocol." })
            : undefined,
      });
      validator.endpoint = `127.0.0.1:${server.port}`;
      return server;
    }),
  );
  await mesh.publishBundle();
  return {
    mesh,
    servers,
    certify(seats) {
      for (const [i, validator] of mesh.validators.entries()) {
        const { key, certificate } = identities[i] as TlsIdentity;
        const shown = seats.includes(validator.seat) ? mesh.memberCertificate(validator) : certificate;
        servers[i]?.renew({ key, chain: [shown] });
      }
    },
    close: async () => void (await Promise.all(servers.map((server) => server.close(0)))),
  };
}
