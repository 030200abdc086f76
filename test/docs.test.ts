/** The words of the project against its code: what an implementer or an operator copies from them has to be right. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import type { Command } from "commander";

import { createProgram } from "../src/cli/program.js";
import { PATH } from "../src/protocol/api.js";
import { CLAIM, COSE_ALG, COSE_TYP, JOIN_METHOD, REVOCATION_REASON } from "../src/statements/cose.js";
import { X509_OID } from "../src/statements/x509.js";
import { DOMAIN_TYPE, STATEMENTS } from "../src/statements/eip712.js";
import { quorumOf } from "../src/statements/quorum.js";
import { DST, TAG } from "../src/statements/tags.js";

const project = join(dirname(fileURLToPath(import.meta.url)), "..");
const docs = readdirSync(join(project, "docs")).filter((name) => name.endsWith(".md"));
const pages = ["README.md", ...docs.map((name) => join("docs", name))];

const read = (page: string): string => readFileSync(join(project, page), "utf8");
const protocol = read("docs/protocol.md");

/** Cells of all table rows, code marks removed; `\|` is part of a cell. */
const rows = protocol
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("`", "")));

function rowOf(first: string): string[] {
  const found = rows.find((cells) => cells[1] === first);
  if (found === undefined) throw new Error(`docs/protocol.md has no table row "${first}"`);
  return found;
}

describe("docs/protocol.md", () => {
  it("has every EIP-712 type as the code has it, and no other", () => {
    for (const [name, fields] of Object.entries(STATEMENTS)) expect(rowOf(name)[2], name).to.equal(fields);
    const typed = rows.filter(
      (cells) => cells.length === 6 && /^(bytes32|uint\d+|address) \w+(,|$)/.test(cells[2] ?? ""),
    );
    expect(typed.map((cells) => cells[1])).to.deep.equal(Object.keys(STATEMENTS));
    expect(protocol).to.include(DOMAIN_TYPE);
  });

  it("has the code's domain separation tags and domain tags, and no other", () => {
    // Those of files on one machine's disk are of no protocol.
    const { sealedFile, journalRecord, ...tags } = TAG;
    const found = new Set(protocol.match(/swarmkeep\/[a-z-]+\/v\d+/g));
    expect([...found].toSorted()).to.deep.equal(Object.values(tags).toSorted());
    expect(found).not.to.include(sealedFile).and.not.to.include(journalRecord);
    const suites = new Set(protocol.match(/BLS_[A-Z]+_BLS12381G2_[A-Z0-9:_-]+/g));
    expect([...suites].toSorted()).to.deep.equal(Object.values(DST).toSorted());
  });

  it("has the code's COSE algorithms, types, claims and object identifier", () => {
    const types = {
      certificate: "certificate",
      drlHead: "DRL head under the Ed25519 key",
      committeeList: "committee list",
      issuanceRequest: "issuance request",
      presentation: "presentation",
      revocationRequest: "revocation request",
      healthStatement: "health statement",
      probeStep: "step of a probe's work",
      candidacy: "candidacy of a gateway",
      presence: "presence of a validator",
      shardMap: "shard map",
    } satisfies Record<keyof typeof COSE_TYP, string>;
    for (const [name, row] of Object.entries(types)) {
      expect(rowOf(row)[2], row).to.equal(String(COSE_TYP[name as keyof typeof COSE_TYP]));
    }
    expect(rowOf("EdDSA, Ed25519")[2]).to.equal(String(COSE_ALG.eddsa));
    expect(rowOf("ES256")[2]).to.equal(String(COSE_ALG.es256));
    expect(rowOf("BLS12-381, keys in G1, proof-of-possession suite")[2]).to.contain(String(COSE_ALG.bls));
    for (const name of ["exp", "nbf", "cti", "cnf", "scope"] as const) {
      expect(rowOf(String(CLAIM[name]))[2], name).to.equal(name);
    }
    expect(rowOf(String(CLAIM.member))[3]).to.equal("[generation, device index, class]");
    for (const oid of Object.values(X509_OID)) expect(protocol).to.include(oid);
  });

  it("has the code's join methods, reasons, sizes and paths", () => {
    const { identityKey, preSharedKey, csr, attestation } = JOIN_METHOD;
    expect(rowOf("uint8 joinMethods")[3]).to.equal(
      `bits: ${identityKey} identity key, ${preSharedKey} pre-shared key, ${csr} PKCS#10 request, ${attestation} attestation`,
    );
    const reasons = protocol.slice(protocol.indexOf("Reasons are CRLReason"));
    const names = { ...REVOCATION_REASON, aACompromise: REVOCATION_REASON.attestationFailed };
    for (const [name, code] of Object.entries(names).filter(([name]) => name !== "attestationFailed")) {
      expect(reasons).to.match(new RegExp(`\\b${code}\\s+${name}`));
    }
    const columns = rowOf("n").slice(2, -1).map(Number);
    for (const [i, n] of columns.entries()) {
      expect([rowOf("f")[i + 2], rowOf("t")[i + 2]].map(Number), `n = ${n}`).to.deep.equal([
        quorumOf(n).f,
        quorumOf(n).t,
      ]);
    }
    const paths = rows.flatMap((cells) =>
      /^(GET|POST)$/.test(cells[1] ?? "") ? [(cells[2] as string).split(/[?<]/)[0]] : [],
    );
    // One may be had and told: it has two rows.
    const named = new Set(paths.map((path) => path?.replace(/\/$/, "")));
    expect([...named].toSorted()).to.deep.equal(Object.values(PATH).toSorted());
  });
});

async function commandsOf(program: Command): Promise<string[]> {
  const names: string[] = [];
  for (const group of program.commands) {
    // Groups load their commands when they are called: asking for help is a call.
    await program.parseAsync(["node", "swarmkeep", group.name(), "--help"]).catch(() => undefined);
    if (group.commands.length === 0) names.push(group.name());
    else names.push(...group.commands.map((command) => `${group.name()} ${command.name()}`));
  }
  return names;
}

describe("README.md", () => {
  it("names every command, and no other", async () => {
    const program = createProgram();
    for (const group of program.commands) group.configureOutput({ writeOut: () => undefined });
    const named = [...read("README.md").matchAll(/^\| `swarmkeep ([a-z -]+)` \|/gm)].map(([, name]) => name);
    expect(named.toSorted()).to.deep.equal((await commandsOf(program)).toSorted());
  });
});

describe("every page", () => {
  for (const page of pages) {
    it(`${page} links to what exists`, () => {
      for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = "", anchor] = target.split("#");
        const file = path === "" ? page : join(dirname(page), path);
        expect(existsSync(join(project, file)), `${page} -> ${target}`).to.equal(true);
        if (anchor !== undefined) expect(headingsOf(read(file)), `${page} -> ${target}`).to.include(anchor);
      }
    });
  }
});

/** Anchors of a page's headings, as renderers of Markdown make them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
}
