/** Values of options that several commands share. */
import { existsSync } from "node:fs";

import { type Command, Option } from "commander";

import { SwarmkeepError } from "../runtime/errors.js";
import type { TokenPlace } from "../runtime/pkcs11.js";
import { type KdfCost, LIGHT_KDF, STRONG_KDF } from "../runtime/sealed-file.js";
import {
  COSE_ALG,
  type GroupAlgorithm,
  KEY_TYPE,
  type KeyType,
  REVOCATION_REASON,
  type RevocationReason,
} from "../statements/cose.js";
import type { HolderSettings } from "../validator/holder-folder.js";
import { isScope } from "../statements/scope.js";

/** The value of `names` under `text`. @throws SwarmkeepError `bad-choice` */
export function choose<T>(names: Readonly<Record<string, T>>, text: string, option: string): T {
  const found = Object.entries(names).find(([name]) => name === text);
  if (found !== undefined) return found[1];
  throw new SwarmkeepError(`${option} takes ${Object.keys(names).join(" or ")}, not ${JSON.stringify(text)}`, {
    kind: "usage",
    code: "bad-choice",
    advice: "Give one of them.",
    details: { option, text },
  });
}

export function parseAlgorithm(text: string): GroupAlgorithm {
  return choose({ bls: COSE_ALG.bls, ed25519: COSE_ALG.eddsa }, text, "--alg");
}

export function parseKeyType(text: string, option = "--new-key"): KeyType {
  return choose(KEY_TYPE, text, option);
}

/** Names as in RFC 5280, section 5.3.1. */
export function parseReason(text: string): RevocationReason {
  return choose<RevocationReason>(REVOCATION_REASON, text, "--reason");
}

/** For an option that may be given several times. */
export function collectValidator(endpoint: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), endpoint];
}

/** The address of a node, if it is one. @throws SwarmkeepError `bad-url` */
export function checkedRpc(url: string, schemes: readonly string[] = ["http", "https"]): string {
  const { protocol = "", hostname = "" } = URL.parse(url) ?? {};
  if (schemes.some((scheme) => protocol === `${scheme}:`) && hostname !== "") return url;
  throw new SwarmkeepError(`--rpc takes a URL of ${schemes.join(" or ")}, not ${JSON.stringify(url.slice(0, 80))}`, {
    kind: "usage",
    code: "bad-url",
    advice: "Give the address of a node, such as http://127.0.0.1:8545.",
  });
}

/** The scope as it is, if it is one. @throws SwarmkeepError `bad-scope` */
export function checkedScope(scope: string): string {
  if (isScope(scope)) return scope;
  throw new SwarmkeepError(`${JSON.stringify(scope)} is no scope`, {
    kind: "usage",
    code: "bad-scope",
    advice: "Write geo: and a geohash, or grp: and a path, such as geo:u33d or grp:plant/line-2.",
    details: { scope },
  });
}

/** Where a key is made that never leaves its token. */
export interface TokenOptions {
  readonly pkcs11?: string;
  readonly token?: string;
  readonly keyLabel?: string;
}

/** Adds the options of a key in a token. @param defaultLabel of the key, in words */
export function withTokenOptions(command: Command, defaultLabel: string): Command {
  return command
    .option(
      "--pkcs11 <module>",
      "make it inside a token, which it never leaves: the shared library of the token's vendor",
    )
    .option("--token <label>", "of the token; its PIN is read from SWARMKEEP_PIN_FILE or SWARMKEEP_PIN")
    .option("--key-label <label>", `of the key in it; by default ${defaultLabel}`);
}

/** @throws SwarmkeepError `option-missing` where a part of a place is given */
export function tokenPlace(
  { pkcs11: module, token, keyLabel }: TokenOptions,
  defaultLabel: string,
): TokenPlace | undefined {
  if (module !== undefined && token !== undefined) return { module, token, key: keyLabel ?? defaultLabel };
  if (module === undefined && token === undefined && keyLabel === undefined) return undefined;
  throw new SwarmkeepError("a key in a token needs both --pkcs11 and --token", {
    kind: "usage",
    code: "option-missing",
    advice: "Name the vendor's module and the token's label; or neither, for a key in a sealed file.",
  });
}

/** Of whoever keeps shards. */
export interface IpfsOptions {
  readonly ipfs?: string;
  readonly ipfsNetwork?: string;
  readonly ipfsPeer?: readonly string[];
}

/** Adds the options of a holder's node in a private IPFS network. */
export function withIpfsOptions(command: Command): Command {
  return command
    .option("--ipfs <address:port>", "keep shards in a private IPFS network as well: where its node listens")
    .option("--ipfs-network <file>", "the network's key (swarm.key); made if there is no such file")
    .option("--ipfs-peer <host:port...>", "other nodes of that network");
}

/** What is told where the network's key will be made now; looked at before. */
export function networkNews({ ipfsNetwork }: IpfsOptions): string[] {
  if (ipfsNetwork === undefined || existsSync(ipfsNetwork)) return [];
  return [`network      ${ipfsNetwork} is made: the key of a new IPFS network, for its other nodes to have`];
}

/** @throws SwarmkeepError `option-missing` where a part of a node is given, and not where it listens */
export function ipfsSettings({ ipfs, ipfsNetwork, ipfsPeer }: IpfsOptions): Pick<HolderSettings, "ipfs"> {
  if (ipfs !== undefined) return { ipfs: { listen: ipfs, peers: ipfsPeer ?? [] } };
  if (ipfsNetwork === undefined && ipfsPeer === undefined) return {};
  throw new SwarmkeepError("--ipfs-network and --ipfs-peer are of an IPFS node, and there is none without --ipfs", {
    kind: "usage",
    code: "option-missing",
    advice: "Say with --ipfs where the node listens, such as 0.0.0.0:4001.",
  });
}

export interface KeystoreOptions {
  readonly fastKeystore?: boolean;
}

/** For commands that make a folder with secrets. */
export function fastKeystore(): Option {
  return new Option("--fast-keystore", "weak passphrase hashing, for demonstrations only");
}

export function keystoreCost(options: KeystoreOptions): KdfCost {
  return options.fastKeystore === true ? LIGHT_KDF : STRONG_KDF;
}
