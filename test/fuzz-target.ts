/** A decoder of bytes from strangers, as test/fuzz.test.ts attacks it. Each folder of src lists its own. */
export interface FuzzTarget {
  /** Name of the exported function. */
  readonly name: string;
  /** Inputs that it takes: mutations start from them. */
  readonly samples: readonly Uint8Array[];
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Back to bytes. What is accepted must have been the one encoding of its value. */
  readonly encode?: (value: never) => Uint8Array;
}

/** A target whose value type follows from its decoder. */
export function fuzzTarget<T>(
  name: string,
  samples: readonly Uint8Array[],
  decode: (bytes: Uint8Array) => T,
  encode?: (value: T) => Uint8Array,
): FuzzTarget {
  return encode === undefined ? { name, samples, decode } : { name, samples, decode, encode };
}

/** For the tests of a suite: of a refusal, recording the stack takes longer than all the rest. */
export function errorsWithoutStacks(): void {
  const limit = Error.stackTraceLimit;
  before(() => void (Error.stackTraceLimit = 0));
  after(() => void (Error.stackTraceLimit = limit));
}
