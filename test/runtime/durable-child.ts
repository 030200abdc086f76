/**
 * A process that stores things until it is killed, and says on its standard output what it was told is stored.
 * Arguments: what to exercise, and the folder. Line n on the output acknowledges step n.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { eraseFile, writeAtomically } from "../../src/runtime/atomic-file.js";
import { openDataFolder } from "../../src/runtime/data-folder.js";
import { openJournal } from "../../src/runtime/journal.js";
import { openPackStore } from "../../src/store/pack-store.js";
import { UseBook } from "../../src/validator/est/use-book.js";

const STEPS = 40;

function acknowledge(step: number): void {
  writeSync(1, `${step}\n`);
}

async function main(what: string | undefined, folder: string): Promise<void> {
  switch (what) {
    case "atomic-file":
      for (let step = 1; step <= STEPS; step++) {
        await writeAtomically(join(folder, "counter"), String(step).padEnd(9000, "."));
        acknowledge(step);
      }
      break;
    case "erase":
      await eraseFile(join(folder, "counter"));
      break;
    case "journal": {
      const journal = await openJournal(join(folder, "journal"), { segmentBytes: 2000 });
      for (let step = journal.nextSequence; step <= STEPS; step += 4) {
        const group = [step, step + 1, step + 2, step + 3];
        for (const sequence of await Promise.all(
          group.map((n) => journal.append(Buffer.from(`record ${n}`.repeat(9)))),
        )) {
          acknowledge(sequence);
        }
        if (step === 37) await journal.prune(step);
      }
      break;
    }
    case "uses": {
      const journal = await openJournal(join(folder, "journal"));
      const book = await UseBook.open(journal, 0);
      for (let step = 1; step <= STEPS; step++) {
        await book.use(new Uint8Array(32).fill(step), new Uint8Array(32), 1_000, 0);
        acknowledge(step);
      }
      await journal.close();
      break;
    }
    case "store": {
      const store = await openPackStore({ folder, quota: 1 << 20 });
      for (let step = 1; step <= STEPS; step++) {
        await store.put("map-1", [
          { id: new Uint8Array(32).fill(step), device: step, bytes: new Uint8Array(64).fill(step) },
        ]);
        acknowledge(step);
      }
      await store.close();
      break;
    }
    case "lock": {
      await openDataFolder(folder, "validator");
      acknowledge(process.pid);
      setInterval(() => undefined, 1000);
      break;
    }
    default:
      throw new Error(`what is ${what}?`);
  }
}

// The test runner loads every file of this folder; only the process that was started for it does anything.
if (process.argv[1] === fileURLToPath(import.meta.url)) void main(process.argv[2], process.argv[3] ?? "");
