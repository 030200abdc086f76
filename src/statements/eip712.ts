/**
 * EIP-712: every statement that the ledger takes, its type and its digest (docs/protocol.md, section 2.1).
 * `contracts/libraries/Statements.sol` holds the same type strings; a test compares the two.
 * Written on a hash function alone, since devices verify statements too and carry no chain library.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

type FieldType = "bytes32" | "address" | "uint8" | "uint32" | "uint64" | "uint256";

interface Field {
  readonly name: string;
  readonly type: FieldType;
}

/** "uint64 a,bytes32 b" as fields. The strings below are the reference; this only reads them. */
function fields(list: string): readonly Field[] {
  return list.split(",").map((field) => {
    const [type, name] = field.split(" ") as [FieldType, string];
    return { name, type };
  });
}

/** Members of each statement in order, as they stand between the brackets of its EIP-712 type string. */
export const STATEMENTS = {
  Genesis: "bytes32 meshId,bytes32 contractsHash,bytes32 parametersHash,bytes32 membersHash,bytes32 registrarsHash",
  KeyCertification: "uint64 generation,bytes32 certificateHash",
  Successor: "uint256 chainId,address anchor,bytes32 meshId,uint64 expiry",
  ProofOfPossession: "address account,bytes32 keyHash",
  TlsPossession: "address account,bytes32 tlsPin",
  Admission: "address account,bytes32 operator,uint64 expiry",
  DeviceAdmission: "address account,uint64 index,uint64 expiry",
  Activation:
    "uint64 generation,uint64 epoch,bytes32 qualified,bytes32 verificationRoot,bytes32 blsKeyHash,bytes32 edKey",
  Beacon: "uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 prevrandao",
  Rekey: "uint64 generation,uint64 expiry",
  KeySuccession: "uint64 generation,uint64 ceremony,bytes32 blsKeyHash,bytes32 edKey,uint64 since",
  Recovery: "uint64 number,uint64 generation,bytes32 membersHash,uint8 isCompromised",
  RecoveryCancellation: "uint64 number",
  Resize: "uint8 seats,uint64 expiry",
  Grant: "address registrar,bytes32 scopesHash,uint64 indexes,uint8 candidates,uint64 expiry,bytes32 salt",
  Revocation: "bytes32 entriesHash,uint8 reason,uint64 expiry",
  RevocationRequest: "bytes32 indexesHash,uint8 reason,uint64 expiry",
  PreSharedKeys: "uint64 fleetId,bytes32 keysHash,uint64 expiry",
  EnrolmentCodes: "uint64 fleetId,bytes32 codesHash,uint64 expiry",
  DrlHead: "uint64 number,bytes32 root,uint32 words,uint64 issued,uint64 expires,uint64 blockNumber",
  Checkpoint: "uint64 number,uint64 blockNumber,bytes32 blockHash",
  PartialEvidence: "bytes32 digest,bytes32 partialHash",
  ShardMapRoot: "uint64 fleetId,uint64 subject,bytes32 mapHash,uint64 expiry",
  ShardDelivery: "uint64 fleetId,bytes32 contentHash,uint64 expiry",
} as const;

export type StatementName = keyof typeof STATEMENTS;
/** Values of a statement by field name: `bytes32` and `address` as bytes, integers as bigint or number. */
export type StatementValues = Readonly<Record<string, Uint8Array | bigint | number>>;

/** Where a statement counts. Two meshes, chains or contracts never share a domain. */
export interface Domain {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly verifyingContract: Uint8Array;
  /** The salt, 32 bytes. */
  readonly meshId: Uint8Array;
}

export const DOMAIN_NAME = "Swarmkeep";
export const DOMAIN_VERSION = "1";
export const DOMAIN_TYPE =
  "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)";

const DOMAIN_TYPE_HASH = keccak_256(utf8ToBytes(DOMAIN_TYPE));
const NAME_HASH = keccak_256(utf8ToBytes(DOMAIN_NAME));
const VERSION_HASH = keccak_256(utf8ToBytes(DOMAIN_VERSION));

const INTEGER_BITS = { uint8: 8n, uint32: 32n, uint64: 64n, uint256: 256n } as const;

function encodeValue(field: Field, value: Uint8Array | bigint | number | undefined): Uint8Array {
  if (field.type === "bytes32" || field.type === "address") {
    const length = field.type === "bytes32" ? 32 : 20;
    if (!(value instanceof Uint8Array) || value.length !== length) {
      throw new TypeError(`statement field ${field.name} takes ${length} bytes`);
    }
    const word = new Uint8Array(32);
    word.set(value, 32 - length);
    return word;
  }
  if (value === undefined || value instanceof Uint8Array) {
    throw new TypeError(`statement field ${field.name} takes an integer`);
  }
  const integer = BigInt(value);
  if (integer < 0n || integer >> INTEGER_BITS[field.type] !== 0n) {
    throw new RangeError(`statement field ${field.name} takes a ${field.type}, not ${integer}`);
  }
  return hexToBytes(integer.toString(16).padStart(64, "0"));
}

interface StatementType {
  readonly fields: readonly Field[];
  readonly typeHash: Uint8Array;
}

const TYPES = new Map<StatementName, StatementType>(
  (Object.keys(STATEMENTS) as StatementName[]).map((name) => [
    name,
    { fields: fields(STATEMENTS[name]), typeHash: keccak_256(utf8ToBytes(`${name}(${STATEMENTS[name]})`)) },
  ]),
);

function typeOf(name: StatementName): StatementType {
  return TYPES.get(name) as StatementType;
}

/** keccak256 of the EIP-712 type string. */
export function typeHash(name: StatementName): Uint8Array {
  return typeOf(name).typeHash;
}

/** The same types in the form that wallets and JSON-RPC (`eth_signTypedData_v4`) take. */
export function typedDataTypes(name: StatementName): Record<string, { name: string; type: string }[]> {
  return { [name]: typeOf(name).fields.map((field) => ({ ...field })) };
}

/** The EIP-712 domain separator, 32 bytes. That of the TrustAnchor is also the `external_aad` of every COSE object. */
export function domainSeparator(domain: Domain): Uint8Array {
  return keccak_256(
    concatBytes(
      DOMAIN_TYPE_HASH,
      NAME_HASH,
      VERSION_HASH,
      encodeValue({ name: "chainId", type: "uint256" }, domain.chainId),
      encodeValue({ name: "verifyingContract", type: "address" }, domain.verifyingContract),
      encodeValue({ name: "meshId", type: "bytes32" }, domain.meshId),
    ),
  );
}

/**
 * The 32-byte EIP-712 digest that is signed.
 * @throws TypeError or RangeError naming the field that is missing, too long or out of range.
 */
export function statementDigest(separator: Uint8Array, name: StatementName, values: StatementValues): Uint8Array {
  const type = typeOf(name);
  const struct = keccak_256(
    concatBytes(type.typeHash, ...type.fields.map((field) => encodeValue(field, values[field.name]))),
  );
  return keccak_256(concatBytes(Uint8Array.of(0x19, 0x01), separator, struct));
}
