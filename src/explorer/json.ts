/** Decoded values as JSON has them. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Arguments of an event or call by name. */
export type Args = Readonly<Record<string, Json>>;
