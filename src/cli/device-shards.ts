/** `device`: what a device does with the key that it rebuilds from its shards: signs once, computes IVs, seals and opens. */
import { createReadStream } from "node:fs";
import { type FileHandle, open as openFile, rename, rm, stat } from "node:fs/promises";

import type { Command } from "commander";

import type { Agent } from "../device/agent.js";
import type { DeviceShards } from "../device/shards.js";
import { PRIVATE_FILE, PUBLIC_FILE, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError, fileError } from "../runtime/errors.js";
import { type MessageContext, type Source, openStream, sealStream, syntheticIv } from "../shards/deterministic-aead.js";
import { encodeOneTimeSignature, messageDigest } from "../shards/one-time-keys.js";
import { when } from "../statements/time.js";
import { type CommandContext, action, parseHex } from "./command.js";

type WithAgent = (context: CommandContext, work: (agent: Agent, signal: AbortSignal) => Promise<void>) => Promise<void>;

interface UseOptions {
  readonly offline?: boolean;
}

interface MessageOptions extends UseOptions {
  readonly domain: string;
  readonly associatedData?: string;
}

/** Adds the commands to the group `device`. @param withAgent opens the device and closes it */
export function registerShardCommands(group: Command, withAgent: WithAgent): void {
  const withShards = (
    context: CommandContext,
    work: (shards: DeviceShards, signal: AbortSignal) => Promise<void>,
  ): Promise<void> => withAgent(context, async (agent, signal) => work(await agent.shards(), signal));

  offlineOption(
    group
      .command("reconstruct")
      .description("fetch this device's shards and see that its key can be rebuilt; keeps them"),
  ).action(
    action<UseOptions>((context, { offline = false }) =>
      withShards(context, async (shards, signal) => {
        const { terms, entry } = await shards.withSeed((_, rebuilt) => rebuilt, { offline, signal });
        const { version, validUntil, threshold, shards: count } = terms;
        const root = Buffer.from(entry.oneTime.root).toString("hex");
        context.print(
          { version, validUntil: when(validUntil), threshold, shards: count, oneTimeKeys: entry.oneTime.count, root },
          [
            `rebuilt      from ${threshold} of ${count} shards of version ${version}, and wiped`,
            `valid until  ${when(validUntil)}`,
            `one-time     ${entry.oneTime.count} keys under ${root}`,
          ].join("\n"),
        );
      }),
    ),
  );

  offlineOption(
    group
      .command("sign")
      .description("sign a file of any size with the next one-time key")
      .argument("<file>", "to be signed")
      .requiredOption("--out <file>", "where the signature goes"),
  ).action(
    action<UseOptions & { out: string }>((context, { out, offline = false }, file = "") =>
      withShards(context, async (shards, signal) => {
        const digest = await messageDigest(fileSource(file, (await sizeOf(file)).size).chunks());
        const { signature, root } = await shards.signOnce(digest, { offline, signal });
        await writeAtomically(out, encodeOneTimeSignature(signature), PUBLIC_FILE);
        const { index, count } = signature;
        const name = Buffer.from(root).toString("hex");
        context.print(
          { index, count, root, file: out },
          `signed with key ${index} of ${count}: swarmkeep shards verify ${file} --signature ${out} --root ${name}`,
        );
      }),
    ),
  );

  messageOptions(
    group
      .command("iv")
      .description("compute the synthetic IV of a file: it follows from key, domain, associated data and content")
      .argument("<file>", "whose IV it is")
      .option("--length <bytes>", "12 or 16", "16"),
  ).action(
    action<MessageOptions & { length: string }>((context, options, file = "") =>
      withShards(context, async (shards, signal) => {
        const length = options.length === "12" ? 12 : options.length === "16" ? 16 : undefined;
        if (length === undefined) throw badLength(options.length);
        const source = fileSource(file, (await sizeOf(file)).size);
        const iv = await shards.withMessageKeys(
          (keys, epoch) => syntheticIv(keys, contextOf(options, epoch), source, length),
          { offline: options.offline === true, signal },
        );
        context.print({ iv }, Buffer.from(iv).toString("hex"));
      }),
    ),
  );

  messageOptions(
    group
      .command("seal")
      .description("seal a file of any size without randomness, under the key of this version of the shards")
      .argument("<file>", "to be sealed")
      .requiredOption("--out <file>", "where the sealed one goes"),
  ).action(
    action<MessageOptions & { out: string }>((context, options, file = "") =>
      withShards(context, async (shards, signal) => {
        const source = fileSource(file, (await sizeOf(file)).size);
        const epoch = await shards.withMessageKeys(
          async (keys, version, budget) => {
            await writePieces(options.out, sealStream(keys, contextOf(options, version), source, budget));
            return version;
          },
          { offline: options.offline === true, signal },
        );
        context.print({ file: options.out, version: epoch }, `sealed in ${options.out} under version ${epoch}`);
      }),
    ),
  );

  messageOptions(
    group
      .command("open")
      .description("open what `device seal` sealed, while the version of the shards is the same")
      .argument("<file>", "to be opened")
      .requiredOption("--out <file>", "where the content goes, once all of it is authentic"),
  ).action(
    action<MessageOptions & { out: string }>((context, options, file = "") =>
      withShards(context, async (shards, signal) => {
        const source = fileSource(file, (await sizeOf(file)).size);
        await shards.withMessageKeys(
          (keys, epoch) => writePieces(options.out, openStream(keys, contextOf(options, epoch), source.chunks())),
          { offline: options.offline === true, signal },
        );
        context.print({ file: options.out }, `opened in ${options.out}`);
      }),
    ),
  );
}

function offlineOption(command: Command): Command {
  return command.option("--offline", "ask nobody: the map and the shards that are kept have to do");
}

function messageOptions(command: Command): Command {
  return offlineOption(command)
    .option("--domain <text>", "the application's name for what it seals", "file")
    .option("--associated-data <hex>", "authenticated, and not part of the output");
}

function contextOf({ domain, associatedData = "" }: MessageOptions, epoch: number): MessageContext {
  return { domain, epoch, associatedData: parseHex(associatedData, "--associated-data") };
}

function badLength(length: string): SwarmkeepError {
  return new SwarmkeepError(`--length takes 12 or 16, not ${JSON.stringify(length)}`, {
    kind: "usage",
    code: "bad-choice",
    advice: "Give one of them.",
    details: { length },
  });
}

async function sizeOf(path: string): Promise<{ readonly size: number }> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  return { size };
}

/** A file, read as often as it is asked for. */
function fileSource(path: string, length: number): Source {
  return { length, chunks: () => createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array> };
}

/** Under another name until the last piece is there and good: what is not authentic is never found under the name. */
async function writePieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.part`;
  let file: FileHandle | undefined;
  try {
    file = await openFile(temporary, "w", PRIVATE_FILE);
    for await (const piece of pieces) await file.writeFile(piece);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error instanceof SwarmkeepError ? error : fileError(path, error);
  }
}
