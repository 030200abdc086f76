/**
 * The newest generation of group keys that a verifier was shown, in a file: keys that were replaced must not be believed again, whoever
 * hands out a bundle of before.
 */
import { Refusal } from "../certificate/refusal.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";

/**
 * Takes note of a generation that a verified bundle ends at.
 * @throws Refusal `generation-old` where a later one was seen; SwarmkeepError `generation-file-damaged`, and those of files
 */
export async function keepGeneration(path: string, generation: number): Promise<void> {
  const content = await readIfPresent(path, 4_096);
  const seen = content === undefined ? 0 : parseGeneration(path, content);
  if (generation < seen) {
    throw new Refusal("generation-old", `the bundle ends at generation ${generation}, ${seen} was seen`);
  }
  if (generation > seen) await writeAtomically(path, `${JSON.stringify({ generation })}\n`);
}

function parseGeneration(path: string, content: Uint8Array): number {
  try {
    const { generation } = JSON.parse(new TextDecoder().decode(content)) as { generation: unknown };
    if (Number.isSafeInteger(generation)) return generation as number;
  } catch {
    // Told below, like everything else that is no number.
  }
  throw new SwarmkeepError(`${path} does not say which generation was seen`, {
    kind: "environment",
    code: "generation-file-damaged",
    advice: "Restore it; where that cannot be, remove it, and see to it that the next bundle is a present one.",
    details: { path },
  });
}
