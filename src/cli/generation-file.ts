/**
 * The newest generation of group keys that a verifier was shown: keys that were replaced must not be believed again, whoever hands out a
 * bundle of before.
 */
import { Refusal } from "../certificate/refusal.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { HighMark } from "../runtime/high-mark.js";

/**
 * Takes note of a generation that a verified bundle ends at.
 * @throws Refusal `generation-old` where a later one was seen; SwarmkeepError `generation-file-damaged`, and those of files
 */
export async function keepGeneration(path: string, generation: number): Promise<void> {
  const mark = await HighMark.open(path, (cause) => damaged(path, cause));
  if (generation < mark.value) {
    throw new Refusal("generation-old", `the bundle ends at generation ${generation}, ${mark.value} was seen`);
  }
  await mark.raise(generation);
}

function damaged(path: string, cause: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} does not say which generation was seen`, {
    kind: "environment",
    code: "generation-file-damaged",
    advice: "Restore it; where that cannot be, remove it, and see to it that the next bundle is a present one.",
    details: { path },
    cause,
  });
}
