/** Values as people read them. */

/** "0x1234…abcd". */
export function short(hex: string, digits = 6): string {
  return hex.length > 2 * digits + 4 ? `${hex.slice(0, digits + 2)}…${hex.slice(-4)}` : hex;
}

export function count(value: number | string): string {
  return Number(value).toLocaleString("en-GB");
}

/** "1 device", "2,000 devices". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Wei as ether, down to `digits` places; what is less is shown as such. */
export function ether(wei: string, digits = 6): string {
  const value = BigInt(wei || "0");
  const unit = 10n ** 18n;
  const fraction = (value % unit).toString().padStart(18, "0").slice(0, digits).replace(/0+$/, "");
  if (value > 0n && value / unit === 0n && fraction === "") return `< 0.${"0".repeat(digits - 1)}1 ETH`;
  return `${(value / unit).toLocaleString("en-GB")}${fraction === "" ? "" : `.${fraction}`} ETH`;
}

/** "40 s", "5 min 3 s", "3 h 2 min", "2 d 4 h". */
export function span(seconds: number): string {
  const value = Math.abs(Math.round(seconds));
  const [days, hours, minutes] = [
    Math.floor(value / 86_400),
    Math.floor(value / 3_600) % 24,
    Math.floor(value / 60) % 60,
  ];
  if (value < 60) return `${value} s`;
  if (value < 3_600) return `${minutes} min${value % 60 === 0 ? "" : ` ${value % 60} s`}`;
  if (value < 86_400) return `${hours} h${minutes === 0 ? "" : ` ${minutes} min`}`;
  return `${days} d${hours === 0 || days > 9 ? "" : ` ${hours} h`}`;
}

/** "2026-11-25 16:04:31", in the reader's zone or in UTC. */
export function clock(seconds: number, zone: "local" | "utc"): string {
  const date = new Date(1000 * seconds);
  if (Number.isNaN(date.getTime())) return String(seconds);
  if (zone === "utc") return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** "postHead" as "post head". */
export function words(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
