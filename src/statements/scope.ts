/**
 * Scopes: where a certificate counts (docs/protocol.md, section 3.3; `contracts/libraries/Scope.sol`).
 * `geo:` and a geohash prefix, or `grp:` and a path of segments.
 */
const GEO = /^geo:[0-9b-hjkmnp-z]{1,12}$/;
const GROUP = /^grp:[a-z0-9-]+(\/[a-z0-9-]+){0,7}$/;

/** Bytes of the longest scope. */
export const MAXIMUM_SCOPE_LENGTH = 64;

export function isScope(text: string): boolean {
  return text.length <= MAXIMUM_SCOPE_LENGTH && (GEO.test(text) || GROUP.test(text));
}

/** Whether `outer` covers all of `inner`: any longer geohash, or any deeper path; never one kind the other. */
export function scopeContains(outer: string, inner: string): boolean {
  if (!isScope(outer) || !isScope(inner) || !inner.startsWith(outer)) return false;
  return outer.startsWith("geo:") || inner.length === outer.length || inner[outer.length] === "/";
}

/** Whether a certificate for `scope` counts where `required` is asked for: one covers the other. */
export function scopesOverlap(scope: string, required: string): boolean {
  return scopeContains(scope, required) || scopeContains(required, scope);
}
