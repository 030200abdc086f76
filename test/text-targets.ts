/** Files and settings as text: what people and other programs write, and what is read of it (see fuzz-target.ts). */
import { decodeProvisioning, encodeProvisioning } from "../src/device/provisioning.js";
import { parseBase64Body, parseBasicCredentials } from "../src/net/est-body.js";
import { decodeError, encodeError } from "../src/net/error-body.js";
import { formatEndpoint, parseEndpoint, parseListen } from "../src/net/endpoint.js";
import { decodeRecord } from "../src/operator/batch-folder.js";
import { formatAdmission, parseAdmission } from "../src/operator/admission.js";
import { parseMember, parseRegistrar } from "../src/operator/genesis.js";
import { formatGrant, parseGrant } from "../src/operator/governance.js";
import { formatObjection, parseObjection } from "../src/operator/objection.js";
import { parseProposal } from "../src/operator/proposals.js";
import { formatRekey, parseRekey } from "../src/operator/rekey.js";
import { formatResize, parseResize } from "../src/operator/resize.js";
import { formatSuccessor, parseSuccessor } from "../src/operator/successor.js";
import { LOCAL_PARAMETERS, formatParameters, parseParameters } from "../src/operator/parameters.js";
import { formatTokenFile, parseTokenFile } from "../src/operator/token-file.js";
import { parseEther } from "../src/statements/ether.js";
import { formatNetworkKey, parseNetworkKey } from "../src/store/ipfs-node.js";
import { SwarmkeepError } from "../src/statements/errors.js";
import { keySecret } from "./device/device-fixture.js";
import { TestMesh } from "./device/mesh-fixture.js";
import { type FuzzTarget, fuzzTarget } from "./fuzz-target.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function textTarget<T>(name: string, sample: string, parse: (text: string) => T): FuzzTarget {
  return fuzzTarget(name, [bytes(sample)], (content) => parse(new TextDecoder().decode(content)));
}

const account = `0x${"12".repeat(20)}`;
const hash = `0x${"ab".repeat(32)}`;
const grant = {
  meshId: hash,
  chainId: 31337n,
  fleets: account,
  registrar: account,
  scopes: ["grp:city"],
  indexes: 5n,
  candidates: 0n,
  expiry: 9n,
  salt: hash,
};
const until = { meshId: hash, chainId: 31337n, expiry: 9n };
const admission = { ...until, registry: account, account, operator: hash };
const successor = { ...until, anchor: account, nextChainId: 1n, nextAnchor: account, nextMeshId: hash };
const rekey = { ...until, generations: account, generation: 2n };
const resize = { ...until, rotation: account, seats: 7n };
const objection = { meshId: hash, chainId: 31337n, recovery: account, number: 1n };

export async function textTargets(): Promise<readonly FuzzTarget[]> {
  const provisioning = encodeProvisioning((await TestMesh.create(4)).provision(keySecret()));
  return [
    textTarget("parseEndpoint", "validator.example:8443", (text) => formatEndpoint(parseEndpoint(text))),
    fuzzTarget("parseBase64Body", [bytes("MAA=\r\n")], parseBase64Body),
    textTarget("parseBasicCredentials", "Basic NzpjaGVjaw==", parseBasicCredentials),
    textTarget("parseEther", "0.5 ETH", parseEther),
    textTarget("parseListen", "127.0.0.1:0", parseListen),
    textTarget("parseTokenFile", formatTokenFile({ place: { module: "m", token: "t", key: "k" }, name: "n" }), (text) =>
      parseTokenFile(bytes(text), "token.json"),
    ),
    textTarget("parseNetworkKey", formatNetworkKey(new Uint8Array(32)), (text) => parseNetworkKey(text, "swarm.key")),
    textTarget("parseGrant", formatGrant(grant), parseGrant),
    textTarget("parseAdmission", formatAdmission(admission), parseAdmission),
    textTarget("parseSuccessor", formatSuccessor(successor), parseSuccessor),
    textTarget("parseRekey", formatRekey(rekey), parseRekey),
    textTarget("parseResize", formatResize(resize), parseResize),
    textTarget("parseObjection", formatObjection(objection), parseObjection),
    textTarget("parseProposal", formatAdmission(admission), parseProposal),
    textTarget("parseMember", JSON.stringify({ account, operator: hash }), (text) => parseMember(text, "member.json")),
    textTarget("parseRegistrar", JSON.stringify({ account, scopes: ["grp:city"], indexes: 5, expiry: 9 }), (text) =>
      parseRegistrar(text, "registrar.json"),
    ),
    textTarget("parseParameters", formatParameters(LOCAL_PARAMETERS), (text) =>
      parseParameters(text, "parameters.json"),
    ),
    textTarget("decodeProvisioning", provisioning, (text) => decodeProvisioning(text, "a file")),
    fuzzTarget("decodeRecord", [Uint8Array.of(1, 1, ...new Uint8Array(65))], (content) => decodeRecord(content, 0)),
    // Of a server that may be anybody: whatever it answers becomes an error, and none is thrown on the way.
    fuzzTarget(
      "decodeError",
      [encodeError(new SwarmkeepError("m", { kind: "refused", code: "c", advice: "a", details: { next: 1 } }))],
      (content) => decodeError(403, undefined, content),
    ),
  ];
}
