/** Probes over TLS: what a member in office measures of candidates that are there, away, or only pretend to work. */
import { expect } from "chai";
import { hexlify } from "ethers";

import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { createClient } from "../../src/net/client.js";
import { RemoteError } from "../../src/net/error-body.js";
import { formatEndpoint } from "../../src/net/endpoint.js";
import { MemberServers } from "../../src/net/member-servers.js";
import { type RunningServer, startServer } from "../../src/net/server.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity, tlsKeyVerifier } from "../../src/net/tls-identity.js";
import { PATH } from "../../src/protocol/api.js";
import { decodeProbeAnswer, encodeProbe, encodeProbeAnswer, verifySteps } from "../../src/protocol/probe.js";
import { FakeClock, systemClock } from "../../src/runtime/clock.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { silentLogger } from "../../src/runtime/log.js";
import { createMetrics } from "../../src/runtime/metrics.js";
import { type Caller, routesWithCaller } from "../../src/validator/caller.js";
import { Probed } from "../../src/validator/probed.js";
import { Probing, type ProbingOptions, probeMetrics } from "../../src/validator/probing.js";
import { Standing } from "../../src/validator/standing.js";
import { address } from "./addresses.js";
import { context } from "./est-world.js";

const EPOCH = 3;
const PROBES = 2;
/** The prober has rank 0; the candidates those after it. */
const PROBER = address(100);
const HONEST = address(101);
const CHEAT = address(102);
const AWAY = address(103);
const STRANGER = address(104);
const CHALLENGE = new Uint8Array(32).fill(7);

describe("probes", function () {
  this.timeout(20_000);
  const projection = new Projection();
  const standing = new Standing(projection);
  const identities = new Map<string, TlsIdentity>();
  const servers: RunningServer[] = [];
  const probers: Probing[] = [];

  const identityOf = (account: string): TlsIdentity => identities.get(account) as TlsIdentity;
  const apply = (contract: string, name: string, args: object): void =>
    projection.apply({ contract, blockNumber: 1, name, args } as unknown as LedgerEvent);
  const calling = { context, standing, signatures: nativeSignatures, nowSeconds: () => 0 };

  /** A candidate's server; the cheat answers at once with work that it has not done. */
  async function serve(account: string): Promise<RunningServer> {
    const probed = new Probed({ context, standing, identity: identityOf(account), account });
    const routes = routesWithCaller(
      [
        {
          method: "POST",
          path: PATH.probeEcho,
          handle: ({ body }, caller) => ({ body: probed.echo(body, caller) }),
        },
        {
          method: "POST",
          path: PATH.probeWork,
          async handle({ body, peer }, caller) {
            const answer = await probed.work(body, caller, peer.channelBinding);
            const { signatures } = decodeProbeAnswer(answer);
            return { body: account === CHEAT ? encodeProbeAnswer({ work: CHALLENGE, signatures }) : answer };
          },
        },
      ],
      calling,
    );
    const server = await startServer({ port: 0, identity: identityOf(account), routes, log: silentLogger });
    servers.push(server);
    return server;
  }

  function channelOf(account: string): ProbingOptions["channel"] {
    const { key, certificate } = identityOf(account);
    const credentials = { key, chain: [certificate] };
    const trusted = { trust: () => undefined, nowSeconds: () => 0, signatures: nativeSignatures, bareAfterEnd: true };
    return { credentials: () => credentials, servers: new MemberServers(trusted) };
  }

  function prober(options: Partial<ProbingOptions> = {}): Probing {
    const probing = new Probing({
      context,
      projection,
      epoch: EPOCH,
      account: PROBER,
      sample: () => ({ first: 0, sampled: projection.members().length }),
      channel: channelOf(PROBER),
      metrics: probeMetrics(createMetrics(false)),
      clock: systemClock,
      log: silentLogger,
      onProbed: () => undefined,
      ...options,
    });
    probers.push(probing);
    return probing;
  }

  before(async () => {
    apply("anchor", "GenesisAccepted", {
      meshId: hexlify(context.meshId),
      parameters: { probesPerEpoch: BigInt(PROBES) },
    });
    for (const account of [PROBER, HONEST, CHEAT, AWAY, STRANGER]) {
      identities.set(account, await tlsIdentity(await generateTlsKey()));
      const isServed = account === HONEST || account === CHEAT;
      // Nobody listens there; and the registry takes any text.
      const endpoint = isServed
        ? formatEndpoint(await serve(account))
        : account === AWAY
          ? "127.0.0.1:1"
          : "no endpoint";
      apply("registry", "ValidatorAdmitted", { account, operator: account });
      const tlsPin = hexlify(identityOf(account).pin);
      apply("registry", "ValidatorRegistered", { account, stake: 1n, tlsPin, endpoint, scope: "", blsKey: {} });
    }
  });
  beforeEach(() => {
    Object.assign(standing, { committee: { epoch: EPOCH, accounts: new Map([[1, PROBER]]) } });
  });
  after(async () => {
    for (const probing of probers) probing.close();
    await Promise.all(servers.map((server) => server.close(0)));
  });

  it("measure who answers, and take who is away, or has not done the work, for one that is not there", async () => {
    const told = new Map<string, boolean>();
    const probing = prober({ onProbed: (account, isAnswered) => told.set(account, isAnswered) });
    await probing.probe();
    expect([...told]).to.have.deep.members([
      [HONEST, true],
      [CHEAT, false],
      [AWAY, false],
      [STRANGER, false],
    ]);
    const counts = [...probing.measures].map(([rank, { asked, answered }]) => [rank, asked, answered]);
    expect(counts).to.have.deep.members([
      [1, 1, 1],
      [2, 1, 0],
      [3, 1, 0],
      [4, 1, 0],
    ]);
    const honest = probing.measures.get(1);
    expect(honest?.latencies).to.have.length(1);
    expect(honest?.works[0]).to.be.greaterThan(0);
  });

  it("are hurried once for a sample of which nobody was probed, and are enough for one that has nobody", async () => {
    const [first, next] = [
      { first: 0, sampled: projection.members().length },
      { first: 64, sampled: 1 },
    ];
    let sample = first;
    let runs = 0;
    let over = (): void => undefined;
    const info = (): void => {
      runs += 1;
      over();
    };
    const log = { ...silentLogger, debug: () => undefined, warn: () => undefined, info };
    const probing = prober({ sample: () => sample, log: log as unknown as ProbingOptions["log"] });
    await probing.probe();
    expect([probing.hasProbed(first), probing.hasProbed(next)]).to.deep.equal([true, false]);

    // Candidates were admitted, and another group is measured.
    sample = next;
    const measured = new Set(probing.measures.keys());
    const hurried = new Promise<void>((resolve) => (over = resolve));
    probing.hurry(next);
    probing.hurry(next);
    await hurried;
    await new Promise((resolve) => setImmediate(resolve));
    expect(probing.hasProbed(next)).to.equal(true);
    expect(runs).to.equal(2);
    expect(new Set(probing.measures.keys())).to.deep.equal(measured);
  });

  it("come at times that are drawn when the epoch begins, as many as the mesh has them, and stop with it", async () => {
    const clock = new FakeClock();
    let probes = 0;
    const options = {
      clock,
      // Nobody to ask: the moments are counted.
      sample: () => {
        probes++;
        return { first: 0, sampled: 0 };
      },
    };
    prober(options).start(5, clock.now() + 50_000);
    await clock.advance(50_000);
    expect(probes).to.equal(5);

    const stopped = prober(options);
    stopped.start(5, clock.now() + 50_000);
    stopped.close();
    await clock.advance(50_000);
    prober(options).start(5, clock.now() - 1);
    await clock.advance(1_000);
    expect(probes).to.equal(5);
  });

  /** A direct request. @returns the code of the refusal, or the answer. */
  async function ask(account: string, path: string, body: Uint8Array): Promise<string | Uint8Array> {
    const client = createClient({
      endpoint: { host: "127.0.0.1", port: (servers[0] as RunningServer).port },
      trust: { kind: "pin", pin: identityOf(HONEST).pin },
      credentials: channelOf(account).credentials,
    });
    try {
      return (await client.request({ method: "POST", path, body })).body;
    } catch (error) {
      if (error instanceof RemoteError) return error.code;
      throw error;
    } finally {
      client.close();
    }
  }

  it("are answered to members in office alone, in their epoch, and no more often than two starts of one would ask", async () => {
    const body = encodeProbe({ epoch: EPOCH, challenge: CHALLENGE });
    const bad: readonly [string, string, Uint8Array, string][] = [
      [STRANGER, PATH.probeWork, body, "not-a-member"],
      [STRANGER, PATH.probeEcho, body, "not-a-member"],
      [PROBER, PATH.probeEcho, encodeProbe({ epoch: EPOCH + 1, challenge: CHALLENGE }), "wrong-epoch"],
      [PROBER, PATH.probeWork, encodeProbe({ epoch: EPOCH, challenge: CHALLENGE.slice(1) }), "malformed"],
      [PROBER, PATH.probeWork, new Uint8Array([1]), "malformed"],
      [PROBER, PATH.probeWork, new Uint8Array(20_000), "body-too-large"],
    ];
    for (const [account, path, bytes, code] of bad) expect(await ask(account, path, bytes)).to.equal(code);
    identities.set("nobody", await tlsIdentity(await generateTlsKey()));
    expect(await ask("nobody", PATH.probeWork, body)).to.equal("not-a-validator");

    // In an epoch in which nobody has asked yet.
    Object.assign(standing, { committee: { epoch: EPOCH + 1, accounts: new Map([[1, PROBER]]) } });
    const next = encodeProbe({ epoch: EPOCH + 1, challenge: CHALLENGE });
    const answers: unknown[] = [];
    for (let i = 0; i <= 2 * PROBES; i++) answers.push(await ask(PROBER, PATH.probeWork, next));
    expect(answers.map((answer) => typeof answer === "string")).to.deep.equal([false, false, false, false, true]);
    expect(answers.at(-1)).to.equal("too-many-probes");
    const echoes: unknown[] = [];
    for (let i = 0; i <= 4 * PROBES; i++) echoes.push(await ask(PROBER, PATH.probeEcho, next));
    expect(echoes.filter((answer) => answer === "too-many-probes")).to.have.length(1);
  });

  it("are worked on one at a time for a member", async () => {
    const identity = identityOf(HONEST);
    const probed = new Probed({ context, standing, identity, account: HONEST });
    const caller: Caller = { kind: "validator", account: PROBER, tlsKey: identity.spki, by: "identity-key" };
    const body = encodeProbe({ epoch: EPOCH, challenge: CHALLENGE });
    const first = probed.work(body, caller, CHALLENGE);
    const second = await probed.work(body, caller, CHALLENGE).catch((error: unknown) => error);
    expect(second).to.have.property("code", "probe-under-way");
    await first;
    await probed.work(body, caller, CHALLENGE);
  });

  it("are bound to the candidate, the challenge and the connection: an answer counts nowhere else", async () => {
    const identity = identityOf(HONEST);
    const probed = new Probed({ context, standing, identity, account: HONEST });
    const caller: Caller = { kind: "validator", account: PROBER, tlsKey: identity.spki, by: "identity-key" };
    const channel = new Uint8Array(32).fill(1);
    const answer = decodeProbeAnswer(
      await probed.work(encodeProbe({ epoch: EPOCH, challenge: CHALLENGE }), caller, channel),
    );
    const subject = { account: new Uint8Array(Buffer.from(HONEST.slice(2), "hex")), challenge: CHALLENGE, channel };
    const counts = (changes: object, of = answer, key = identity): boolean =>
      verifySteps(context.separators.anchor, { ...subject, ...changes }, of, tlsKeyVerifier(key.spki));
    expect(counts({})).to.equal(true);
    expect(counts({ channel: CHALLENGE })).to.equal(false);
    expect(counts({ challenge: channel })).to.equal(false);
    expect(counts({ account: new Uint8Array(20) })).to.equal(false);
    expect(counts({}, { ...answer, work: channel })).to.equal(false);
    expect(counts({}, { ...answer, signatures: answer.signatures.toReversed() })).to.equal(false);
    expect(counts({}, answer, identityOf(CHEAT))).to.equal(false);
  });
});
