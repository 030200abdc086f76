/**
 * The operator of a candidate that is a device: its index, readable (`contracts/libraries/DeviceOperator.sol`). `swarmkeep device` in
 * ASCII, 8 zero bytes, and the index in 64 bits; other operators are hashes.
 */
const PREFIX = "0x737761726d6b656570206465766963650000000000000000";

/** `0x` and 64 digits. */
export function deviceOperator(index: number): string {
  return `${PREFIX}${index.toString(16).padStart(16, "0")}`;
}

/** The device's index; undefined for an operator that is none. */
export function deviceOfOperator(operator: string): number | undefined {
  if (!operator.toLowerCase().startsWith(PREFIX)) return undefined;
  const index = Number(`0x${operator.slice(PREFIX.length)}`);
  return Number.isSafeInteger(index) ? index : undefined;
}
