/** Amounts for people: wei as ether, and what they type as wei. */

/** Decimal places of each unit. */
const UNITS = { wei: 0, gwei: 9, eth: 18 } as const;

/** `1.05 ETH`: every digit, none that says nothing. */
export function formatEther(wei: bigint): string {
  const digits = wei.toString().padStart(UNITS.eth + 1, "0");
  const fraction = digits.slice(-UNITS.eth).replace(/0+$/, "");
  return `${digits.slice(0, -UNITS.eth)}${fraction === "" ? "" : `.${fraction}`} ETH`;
}

/** Wei of `0.5ETH`, `20 gwei` or `7wei`; undefined where it is no amount, has no unit, or is no whole number of wei. */
export function parseEther(text: string): bigint | undefined {
  const [, whole = "", fraction = "", unit = ""] =
    /^([0-9]{1,20})(?:\.([0-9]{1,18}))? ?(wei|gwei|eth)$/i.exec(text.trim()) ?? [];
  if (unit === "") return undefined;
  const places = UNITS[unit.toLowerCase() as keyof typeof UNITS];
  const used = fraction.replace(/0+$/, "");
  return used.length > places ? undefined : BigInt(whole + used.padEnd(places, "0"));
}
