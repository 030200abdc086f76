/** A validator as a process of its own: `swarmkeep validator run`, with its log in a file. */
import { type DaemonProcess, startDaemon } from "./daemon-process.js";

export interface ValidatorProcessOptions {
  readonly name: string;
  readonly dataFolder: string;
  readonly meshFile: string;
  readonly passphraseFile: string;
  readonly logFile: string;
}

export type ValidatorProcess = DaemonProcess;

/** Starts the process and resolves once it listens. @throws SwarmkeepError `validator-ended` */
export async function startValidatorProcess(options: ValidatorProcessOptions): Promise<ValidatorProcess> {
  const { name, dataFolder, meshFile, passphraseFile, logFile } = options;
  const words = ["validator", "run", "--data", dataFolder, "--mesh", meshFile, "--passphrase-file", passphraseFile];
  return startDaemon({ name, words, logFile, endCode: "validator-ended" });
}
