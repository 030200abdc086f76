/**
 * Keys that never leave their token, for HMAC-SHA-256 and for ECDSA over secp256k1: a hardware security module behind PKCS#11 (OASIS,
 * version 2.40), or one in software such as SoftHSM2. The binding to the vendor's module, `pkcs11js`, is an optional peer dependency, loaded here when a token
 * is named and not before.
 */
import { SwarmkeepError } from "../statements/errors.js";

/** Where a key is. Nothing in it is secret. */
export interface TokenPlace {
  /** Path of the vendor's module, a shared library. */
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
  /** Label of the key in it (CKA_LABEL). */
  readonly key: string;
}

/** A key in a token, in a session of its own. */
export interface TokenKey {
  /** HMAC-SHA-256, 32 bytes. Opens the session anew where the token ended it. @throws SwarmkeepError as `openTokenKey` */
  mac(message: Uint8Array): Uint8Array;
  close(): void;
}

/** A private key over secp256k1 in a token. */
export interface TokenSigner {
  /** The point, uncompressed, 65 bytes. */
  readonly publicKey: Uint8Array;
  /** r and s, 32 bytes each, of a digest of 32 bytes; s may be high. @throws SwarmkeepError as `openTokenKey` */
  sign(digest: Uint8Array): Uint8Array;
  close(): void;
}

/** The version that is named to whoever has to install it. */
export const PKCS11_PACKAGE = "pkcs11js@2.1.7";

/** What is used of the binding; its functions are named as the standard names them. */
interface Binding {
  load(path: string): void;
  C_Initialize(): void;
  C_GetSlotList(tokenPresent: boolean): Buffer[];
  C_GetTokenInfo(slot: Buffer): { readonly label: string };
  C_OpenSession(slot: Buffer, flags: number): Buffer;
  C_CloseSession(session: Buffer): void;
  C_Login(session: Buffer, user: number, pin: string): void;
  C_FindObjectsInit(session: Buffer, template: readonly Attribute[]): void;
  C_FindObjects(session: Buffer, maximum: number): Buffer[];
  C_FindObjectsFinal(session: Buffer): void;
  C_GetAttributeValue(session: Buffer, key: Buffer, wanted: readonly Attribute[]): { readonly value: Buffer }[];
  C_GenerateKeyPair(
    session: Buffer,
    mechanism: { mechanism: number },
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): object;
  C_GenerateKey(session: Buffer, mechanism: { mechanism: number }, template: readonly Attribute[]): Buffer;
  C_SignInit(session: Buffer, mechanism: { mechanism: number }, key: Buffer): void;
  C_Sign(session: Buffer, message: Buffer, into: Buffer): Buffer;
}

interface Attribute {
  readonly type: number;
  readonly value?: boolean | number | string | Buffer;
}

/** Numbers of the standard (pkcs11t.h). */
const CKF = { serial: 0x4, writable: 0x2 } as const;
const CKU_USER = 1;
const CKO = { publicKey: 2, privateKey: 3, secretKey: 4 } as const;
const CKK = { ec: 3, genericSecret: 0x10 } as const;
const CKM = { genericSecretKeyGen: 0x350, sha256Hmac: 0x251, ecKeyPairGen: 0x1040, ecdsa: 0x1041 } as const;
const CKA = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  keyType: 0x100,
  sensitive: 0x103,
  derive: 0x10c,
  sign: 0x108,
  verify: 0x10a,
  valueLength: 0x161,
  extractable: 0x162,
  local: 0x163,
  neverExtractable: 0x164,
  alwaysSensitive: 0x165,
  ecParameters: 0x180,
  ecPoint: 0x181,
  modifiable: 0x170,
} as const;
const CKR = {
  pinIncorrect: 0xa0,
  pinInvalid: 0xa1,
  pinLengthRange: 0xa2,
  pinExpired: 0xa3,
  pinLocked: 0xa4,
  deviceError: 0x30,
  deviceRemoved: 0x32,
  keyHandleInvalid: 0x60,
  sessionClosed: 0xb0,
  sessionHandleInvalid: 0xb3,
  tokenNotPresent: 0xe0,
  tokenNotRecognized: 0xe1,
  userAlreadyLoggedIn: 0x100,
  userNotLoggedIn: 0x101,
  notInitialized: 0x190,
  alreadyInitialized: 0x191,
} as const;
const WRONG_PIN: ReadonlySet<number> = new Set([CKR.pinIncorrect, CKR.pinInvalid, CKR.pinLengthRange]);
/** After these the session is of no use, and another one may be. */
const SESSION_OVER: ReadonlySet<number> = new Set([
  CKR.deviceError,
  CKR.deviceRemoved,
  CKR.keyHandleInvalid,
  CKR.sessionClosed,
  CKR.sessionHandleInvalid,
  CKR.tokenNotPresent,
  CKR.tokenNotRecognized,
  CKR.userNotLoggedIn,
  CKR.notInitialized,
]);
const KEY_BYTES = 32;
/** The curve's object identifier, 1.3.132.0.10 (SEC 2), in DER. */
const SECP256K1 = Buffer.from("06052b8104000a", "hex");
/** DER of an OCTET STRING of an uncompressed point: tag and length before it. */
const POINT_HEADER = [0x04, 0x41, 0x04] as const;

/** What a key does: where it is found, and by which mechanism and into how many bytes it signs. */
interface Use {
  readonly class: number;
  readonly mechanism: number;
  readonly bytes: number;
}
const HMAC_SHA256: Use = { class: CKO.secretKey, mechanism: CKM.sha256Hmac, bytes: KEY_BYTES };
const ECDSA: Use = { class: CKO.privateKey, mechanism: CKM.ecdsa, bytes: 64 };
/** What a key that was born in the token, and cannot leave it, says of itself. */
const CONFINED: readonly (readonly [number, boolean, string])[] = [
  [CKA.sensitive, true, "CKA_SENSITIVE"],
  [CKA.alwaysSensitive, true, "CKA_ALWAYS_SENSITIVE"],
  [CKA.extractable, false, "CKA_EXTRACTABLE"],
  [CKA.neverExtractable, true, "CKA_NEVER_EXTRACTABLE"],
  [CKA.local, true, "CKA_LOCAL"],
];

/**
 * Opens a key that is in its token.
 * @throws SwarmkeepError `pkcs11-missing`, `pkcs11-module`, `token-absent`, `token-ambiguous`, `wrong-pin`, `pin-locked`,
 * `token-key-absent`, `token-key-exportable`, `token-failed`
 */
export async function openTokenKey(place: TokenPlace, pin: string): Promise<TokenKey> {
  const { sign, close } = keyOf(await loadBinding(place), place, pin, HMAC_SHA256);
  return { mac: sign, close };
}

/** Opens a private key over secp256k1. @throws SwarmkeepError as `openTokenKey` */
export async function openTokenSigner(place: TokenPlace, pin: string): Promise<TokenSigner> {
  const binding = await loadBinding(place);
  const { sign, close } = keyOf(binding, place, pin, ECDSA);
  try {
    return { publicKey: explained(place, () => publicKeyOf(binding, place, pin)), sign, close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Makes a key pair over secp256k1 inside the token, unless one with its label is there. @returns whether it was made now
 * @throws SwarmkeepError as `openTokenKey`
 */
export async function createTokenSigner(place: TokenPlace, pin: string): Promise<boolean> {
  const binding = await loadBinding(place);
  return inSession(binding, place, pin, (session) => {
    if (findKey(binding, session, place, CKO.privateKey) !== undefined) return false;
    const kept = keptAs(place, CKK.ec);
    binding.C_GenerateKeyPair(
      session,
      { mechanism: CKM.ecKeyPairGen },
      [...kept, { type: CKA.ecParameters, value: SECP256K1 }, { type: CKA.verify, value: true }],
      [...kept, ...SIGNS_INSIDE],
    );
    return true;
  });
}

/** Of a key that stays in the token under its label. */
function keptAs(place: TokenPlace, keyType: number): readonly Attribute[] {
  return [
    { type: CKA.keyType, value: keyType },
    { type: CKA.label, value: place.key },
    { type: CKA.token, value: true },
  ];
}

/** Of a key that signs and does nothing else, and cannot be read. */
const SIGNS_INSIDE: readonly Attribute[] = [
  { type: CKA.private, value: true },
  { type: CKA.sensitive, value: true },
  { type: CKA.extractable, value: false },
  { type: CKA.modifiable, value: false },
  { type: CKA.derive, value: false },
  { type: CKA.sign, value: true },
];

function publicKeyOf(binding: Binding, place: TokenPlace, pin: string): Uint8Array {
  return inSession(binding, place, pin, (session) => {
    const key = findKey(binding, session, place, CKO.publicKey);
    const values =
      key && binding.C_GetAttributeValue(session, key, [{ type: CKA.ecPoint }, { type: CKA.ecParameters }]);
    const [point, curve] = (values ?? []).map(({ value }) => value);
    const isOnCurve = curve !== undefined && SECP256K1.equals(curve);
    const encoded = Uint8Array.from(point ?? []);
    if (isOnCurve && encoded.length === 67 && POINT_HEADER.every((byte, i) => encoded[i] === byte)) {
      return encoded.subarray(2);
    }
    throw refusal(
      `the token ${place.token} has no public key over secp256k1 labelled ${place.key}`,
      "token-key-absent",
      {
        advice: "Name the key that was made for this account.",
        place,
        cause: undefined,
      },
    );
  });
}

/** Runs work in a session of its own. */
function inSession<T>(binding: Binding, place: TokenPlace, pin: string, work: (session: Buffer) => T): T {
  return explained(place, () => {
    const session = openSession(binding, place, pin);
    try {
      return work(session);
    } finally {
      binding.C_CloseSession(session);
    }
  });
}

/**
 * Makes the key inside the token, unless one with its label is there. @returns whether it was made now
 * @throws SwarmkeepError as `openTokenKey`
 */
export async function createTokenKey(place: TokenPlace, pin: string): Promise<boolean> {
  const binding = await loadBinding(place);
  return inSession(binding, place, pin, (session) => {
    if (findKey(binding, session, place, CKO.secretKey) !== undefined) return false;
    binding.C_GenerateKey(session, { mechanism: CKM.genericSecretKeyGen }, [
      { type: CKA.class, value: CKO.secretKey },
      ...keptAs(place, CKK.genericSecret),
      { type: CKA.valueLength, value: KEY_BYTES },
      ...SIGNS_INSIDE,
    ]);
    return true;
  });
}

function keyOf(
  binding: Binding,
  place: TokenPlace,
  pin: string,
  use: Use,
): { sign(message: Uint8Array): Uint8Array; close(): void } {
  let open: { readonly session: Buffer; readonly key: Buffer } | undefined;
  const end = (): void => {
    const session = open?.session;
    open = undefined;
    try {
      if (session !== undefined) binding.C_CloseSession(session);
    } catch {
      // It is over already.
    }
  };
  const start = (): NonNullable<typeof open> => {
    const session = openSession(binding, place, pin);
    try {
      const key = findKey(binding, session, place, use.class);
      if (key === undefined) throw keyAbsent(place);
      expectConfined(binding, session, key, place);
      return { session, key };
    } catch (error) {
      binding.C_CloseSession(session);
      throw error;
    }
  };
  open = explained(place, start);
  return {
    sign: (message) =>
      explained(place, () => {
        open ??= start();
        try {
          binding.C_SignInit(open.session, { mechanism: use.mechanism }, open.key);
          return new Uint8Array(binding.C_Sign(open.session, Buffer.from(message), Buffer.alloc(use.bytes)));
        } catch (error) {
          // Not tried again here: the next call begins with a new session, and says what is wrong if there is none.
          if (SESSION_OVER.has(codeOf(error) ?? -1)) end();
          throw error;
        }
      }),
    close: end,
  };
}

/** Modules by path. One serves a whole process: it is initialised once, and unloading it under another session would end that one. */
const loadedModules = new Map<string, Binding>();

async function loadBinding({ module }: TokenPlace): Promise<Binding> {
  const known = loadedModules.get(module);
  if (known !== undefined) return known;
  let PKCS11: new () => Binding;
  // Named by a variable: whoever compiles this does not need to have it.
  const name = PKCS11_PACKAGE.split("@")[0] as string;
  try {
    const loaded = (await import(name)) as { readonly default?: typeof loaded; readonly PKCS11?: typeof PKCS11 };
    PKCS11 = (loaded.PKCS11 ?? loaded.default?.PKCS11) as typeof PKCS11;
  } catch (cause) {
    throw new SwarmkeepError("keys in a token need the package pkcs11js, which is not installed or was not compiled", {
      kind: "environment",
      code: "pkcs11-missing",
      advice: `Run: npm install ${PKCS11_PACKAGE} (it is compiled, for which it needs Python, make and a C compiler).`,
      cause,
    });
  }
  const binding = new PKCS11();
  try {
    binding.load(module);
    try {
      binding.C_Initialize();
    } catch (error) {
      if (codeOf(error) !== CKR.alreadyInitialized) throw error;
    }
    loadedModules.set(module, binding);
    return binding;
  } catch (cause) {
    throw new SwarmkeepError(`${module} cannot be loaded as a PKCS#11 module: ${reasonOf(cause)}`, {
      kind: "environment",
      code: "pkcs11-module",
      advice: "Name the shared library of the token's vendor, such as /usr/lib/softhsm/libsofthsm2.so.",
      details: { module },
      cause,
    });
  }
}

function openSession(binding: Binding, place: TokenPlace, pin: string): Buffer {
  const slots = binding.C_GetSlotList(true).map((slot) => ({ slot, label: labelOf(binding, slot) }));
  const found = slots.filter(({ label }) => label === place.token);
  const [first, second] = found;
  if (first === undefined) {
    throw tokenAbsent(
      place,
      slots.map(({ label }) => label),
    );
  }
  if (second !== undefined) {
    throw new SwarmkeepError(`${found.length} tokens are labelled ${JSON.stringify(place.token)}`, {
      kind: "usage",
      code: "token-ambiguous",
      advice: "Take all but one of them out, or give them labels of their own.",
      details: { ...place },
    });
  }
  const session = binding.C_OpenSession(first.slot, CKF.serial | CKF.writable);
  try {
    binding.C_Login(session, CKU_USER, pin);
  } catch (error) {
    // All sessions of a process share the login.
    if (codeOf(error) !== CKR.userAlreadyLoggedIn) {
      binding.C_CloseSession(session);
      throw error;
    }
  }
  return session;
}

/** Padded with spaces to 32 bytes; undefined of a slot whose token was not initialised. */
function labelOf(binding: Binding, slot: Buffer): string {
  return binding.C_GetTokenInfo(slot).label.replace(/[ \0]+$/, "");
}

function findKey(binding: Binding, session: Buffer, place: TokenPlace, kind: number): Buffer | undefined {
  binding.C_FindObjectsInit(session, [
    { type: CKA.class, value: kind },
    { type: CKA.label, value: place.key },
  ]);
  const found = binding.C_FindObjects(session, 2);
  binding.C_FindObjectsFinal(session);
  if (found.length < 2) return found[0];
  throw new SwarmkeepError(`the token ${place.token} has several keys labelled ${JSON.stringify(place.key)}`, {
    kind: "usage",
    code: "token-ambiguous",
    advice: "Give the other ones another label, with the vendor's tool.",
    details: { ...place },
  });
}

/** A key that was brought in, or that may be taken out, is known to others or can be. */
function expectConfined(binding: Binding, session: Buffer, key: Buffer, place: TokenPlace): void {
  const values = binding.C_GetAttributeValue(
    session,
    key,
    CONFINED.map(([type]) => ({ type })),
  );
  const wrong = CONFINED.find(([, wanted], i) => (values[i]?.value[0] === 1) !== wanted);
  if (wrong === undefined) return;
  throw new SwarmkeepError(
    `the key ${place.key} can leave its token, or came from outside: ${wrong[2]} is ${!wrong[1]}`,
    {
      kind: "refused",
      code: "token-key-exportable",
      advice: "Have the key made inside the token by `swarmkeep`, under another label.",
      details: { ...place, attribute: wrong[2] },
    },
  );
}

/** Runs what talks to the token, and says in a sentence what the token says in a number. */
function explained<T>(place: TokenPlace, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    if (WRONG_PIN.has(code)) {
      throw refusal(`the token ${place.token} does not take this PIN`, "wrong-pin", {
        advice: "Give the user's PIN of the token; after some wrong ones it locks itself.",
        place,
        cause: error,
      });
    }
    if (code === CKR.pinLocked || code === CKR.pinExpired) {
      throw refusal(
        `the PIN of the token ${place.token} is ${code === CKR.pinLocked ? "locked" : "expired"}`,
        "pin-locked",
        {
          advice: "Have the token's security officer set a new one, with the vendor's tool.",
          place,
          cause: error,
        },
      );
    }
    const isOver = SESSION_OVER.has(code);
    throw refusal(`the token ${place.token} failed: ${reasonOf(error)}`, "token-failed", {
      advice: isOver
        ? "Try again: the next attempt begins with a session of its own."
        : "Look the code up in the vendor's manual.",
      place,
      cause: error,
    });
  }
}

function refusal(
  message: string,
  code: string,
  { advice, place, cause }: { advice: string; place: TokenPlace; cause: unknown },
): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "environment", code, advice, details: { ...place }, cause });
}

function tokenAbsent(place: TokenPlace, labels: readonly string[]): SwarmkeepError {
  const present = labels.filter((label) => label !== "").map((label) => JSON.stringify(label));
  const others =
    present.length === 0 ? "no token is there" : `there ${present.length === 1 ? "is" : "are"} ${present.join(", ")}`;
  return new SwarmkeepError(`no token is labelled ${JSON.stringify(place.token)}: ${others}`, {
    kind: "environment",
    code: "token-absent",
    advice: "Plug it in or start it, or name another with --token.",
    details: { ...place, present: labels },
  });
}

function keyAbsent(place: TokenPlace): SwarmkeepError {
  return new SwarmkeepError(`the token ${place.token} has no key labelled ${JSON.stringify(place.key)}`, {
    kind: "environment",
    code: "token-key-absent",
    advice: "Name the token that has it: what devices have comes from that key, and no other one can take its place.",
    details: { ...place },
  });
}

/** The number of a PKCS#11 error; undefined for other ones. */
function codeOf(error: unknown): number | undefined {
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  return name === "Pkcs11Error" && typeof code === "number" ? code : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n", 1)[0] as string) : String(error);
}
