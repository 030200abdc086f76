/** Many requests of one method at once, in batches where the node takes them. */
import type { Endpoint } from "./endpoint.js";
import { LedgerError } from "./errors.js";

/** Requests of one batch: below every node's limit, and blocks of a busy chain stay below the limit of an answer. */
const BATCH = 64;
/** Batches, or single requests, in flight at a time. */
const PARALLEL = 4;

/**
 * All results in order. What a batch does not answer is asked for alone.
 * @throws LedgerError as `Endpoint.send` does.
 */
export async function sendAll(
  endpoint: Endpoint,
  method: string,
  lists: readonly (readonly unknown[])[],
): Promise<unknown[]> {
  if (lists.length === 1) return [await endpoint.send(method, lists[0])];
  const batches = Array.from({ length: Math.ceil(lists.length / BATCH) }, (_, i) =>
    lists.slice(i * BATCH, (i + 1) * BATCH),
  );
  const results = (await inParallel(batches, (batch) => answered(endpoint, method, batch))).flat();
  return inParallel(results, (result, i) =>
    result === undefined ? endpoint.send(method, lists[i]) : Promise.resolve(result),
  );
}

/** Something else than a list, as a node or what stands before it refuses a batch, is no answer to any of it. */
async function answered(
  endpoint: Endpoint,
  method: string,
  batch: readonly (readonly unknown[])[],
): Promise<unknown[]> {
  try {
    return await endpoint.sendBatch(method, batch);
  } catch (error) {
    if (error instanceof LedgerError && error.code === "not-json-rpc") return batch.map(() => undefined);
    throw error;
  }
}

async function inParallel<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = Array.from({ length: items.length });
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
  return results;
}
