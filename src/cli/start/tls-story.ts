/** What the X.509 form is for: devices in mutual TLS with one another, and a certificate for a client that knows nothing but EST. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { type TLSSocket, connect, createServer } from "node:tls";
import { promisify } from "node:util";

import { decodeCertsOnly } from "../../certificate/cms.js";
import { enrolmentAttribute, makeCertificateRequest } from "../../certificate/csr-proofs.js";
import { pem } from "../../certificate/x509.js";
import { decodeDeviceCertificate } from "../../certificate/x509-leaf.js";
import { DeviceTls, peerDevice } from "../../device/tls.js";
import { EST_TYPE } from "../../net/est-body.js";
import { writeAtomically } from "../../runtime/atomic-file.js";
import { SwarmkeepError, systemCode } from "../../runtime/errors.js";
import type { Progress } from "../progress.js";
import { type Certified, DEVICE_SCOPE, type Fleet } from "./fleet-story.js";
import { type LocalMesh, until } from "./local-mesh.js";

/** The lamp as a server that admits devices of its scope. */
export interface LampServer {
  /** Connects a device. @returns the protocol and the index that the lamp knows it by; undefined where it is refused. */
  greet(device: Certified): Promise<{ readonly protocol: string; readonly index: number } | undefined>;
  /** Looks for the newest revocation list, without a restart. */
  refresh(): Promise<void>;
}

async function lampServer({ running }: LocalMesh, { agent, keystore }: Certified): Promise<LampServer> {
  const tls = await DeviceTls.open({ agent, keystore });
  const server = createServer(tls.serverOptions(), (socket) => {
    socket.on("error", () => undefined);
    socket.end(String(peerDevice(socket, DEVICE_SCOPE).index));
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  running.closers.push(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return {
    async greet(device) {
      const { agent: own, keystore: keys } = device;
      const client = await DeviceTls.open({ agent: own, keystore: keys });
      const socket = connect({ ...client.clientOptions(DEVICE_SCOPE), host: "127.0.0.1", port });
      // Asked while it is open: an ended connection has no protocol any more.
      let protocol = "";
      socket.once("secureConnect", () => (protocol = socket.getProtocol() ?? ""));
      const answer = await answerOf(socket);
      return answer === "" ? undefined : { protocol, index: Number(answer) };
    },
    async refresh() {
      if (await tls.refresh()) server.setSecureContext(tls.serverOptions());
    },
  };
}

/** All that is sent until the connection ends; nothing where it is refused. */
function answerOf(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    socket.on("error", () => resolve(""));
    socket.on("close", () => resolve(text));
  });
}

export async function authenticateInTls(
  local: LocalMesh,
  { lamp, meter, gate }: Fleet,
  progress: Progress,
): Promise<LampServer> {
  return progress.step("mutual TLS", async () => {
    const server = await lampServer(local, lamp);
    // Where an earlier start has revoked the gate, another one has to do.
    const device = (await local.ledger.contracts.revocations.isRevoked(gate.index)) ? meter : gate;
    const met = await server.greet(device);
    if (met === undefined) throw failed(`the lamp refused the ${device.name} in TLS`);
    const detail = `the ${device.name} connects to the lamp in ${met.protocol}, each by its certificate: it is device ${met.index}`;
    return { detail, value: server };
  });
}

/** The gate was revoked. @param begun when that was asked for; undefined if it was before this start. */
export async function refuseInTls(
  { running }: LocalMesh,
  server: LampServer,
  { meter, gate }: Fleet,
  begun: number | undefined,
  progress: Progress,
): Promise<void> {
  await progress.step("mutual TLS", async () => {
    await until(running, "the lamp refuses the gate in TLS", 90, async () => {
      await server.refresh();
      return (await server.greet(gate)) === undefined;
    });
    const since = begun === undefined ? "" : `, ${((performance.now() - begun) / 1000).toFixed(1)} s after the request`;
    const other = await server.greet(meter);
    if (other === undefined) throw failed("the lamp refused the meter in TLS");
    return { detail: `the gate is refused by the next revocation list${since}; the meter is not`, value: undefined };
  });
}

/** The lamp's manifest key asks a validator by EST, as a device does that has none of this software. */
export async function enrolByEst(local: LocalMesh, { lamp }: Fleet, progress: Progress): Promise<void> {
  const { running, operator } = local;
  await progress.step("EST", async () => {
    const root = pem("CERTIFICATE", operator.root.certificate);
    const csr = Buffer.from(await manifestRequest(lamp)).toString("base64");
    let answer: Answered | undefined;
    let last: unknown;
    let tries = 0;
    await until(
      running,
      "a validator has a certificate to serve EST with",
      60,
      async () => {
        // Of eight candidates seven are in office, and one that is not signs nothing: the next one is asked then.
        const server = running.validators[tries++ % running.validators.length]?.ready["est"];
        const url = `https://${String(server)}/.well-known/est/simpleenroll`;
        answer = await byCurl(local, { url, csr, root }).catch((error: unknown) => void (last = error));
        return answer !== undefined;
      },
      async () => (last instanceof Error ? last.message : String(last)),
    );
    const { body, client } = answer as unknown as Answered;
    const [certificate] = decodeCertsOnly(new Uint8Array(Buffer.from(body, "base64")));
    const { index } = decodeDeviceCertificate(certificate as Uint8Array);
    const detail = `${client} asks one validator with a PKCS#10 request: X.509 for device ${index}, signed by the swarm`;
    return { detail, value: undefined };
  });
}

async function manifestRequest({ agent, keystore }: Certified): Promise<Uint8Array> {
  const { index, enrolment, scope } = agent.provisioning;
  const { key } = keystore.identity;
  const attributes = [enrolmentAttribute({ index, enrolment, scope })];
  // Another request with each start: validators take the same one again only after half of a certificate's lifetime.
  const fields = { commonName: `lamp at ${new Date().toISOString()}`, key, attributes };
  return makeCertificateRequest(fields, (message) => keystore.identity.sign(message));
}

interface Ask {
  readonly url: string;
  /** Base64. */
  readonly csr: string;
  /** PEM. */
  readonly root: string;
}

interface Answered {
  readonly body: string;
  readonly client: string;
}

/** By curl, or Node where that is absent. */
async function byCurl({ workspace }: LocalMesh, { url, csr, root }: Ask): Promise<Answered> {
  const rootFile = workspace.folder.file("root.pem");
  await writeAtomically(rootFile, root);
  const sent = ["-H", `content-type: ${EST_TYPE.request}`, "--data-binary", csr];
  try {
    const { stdout } = await promisify(execFile)("curl", ["-sSf", "--cacert", rootFile, ...sent, url]);
    return { body: stdout, client: "curl" };
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  const headers = { "content-type": EST_TYPE.request };
  const outgoing = request(url, { method: "POST", headers, ca: root, agent: false }).end(csr);
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  let body = "";
  for await (const part of incoming.setEncoding("latin1")) body += String(part);
  if (incoming.statusCode !== 200) throw failed(`EST was answered with ${incoming.statusCode}: ${body}`);
  return { body, client: "Node, for want of curl," };
}

function failed(message: string): SwarmkeepError {
  return new SwarmkeepError(message, {
    kind: "internal",
    code: "demonstration-failed",
    advice: "Report this with the logs in the data folder.",
  });
}
