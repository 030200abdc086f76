/** One figure in a process of its own, from the JavaScript that is shipped: `node dist/bench/measure.js <operation>` prints the value. */
import { OFFCHAIN } from "./offchain.js";

const [, , operation] = process.argv;
const figure = OFFCHAIN.find((one) => one.operation === operation);
if (figure === undefined) throw new Error(`no figure off the ledger is called ${operation}`);
process.stdout.write(`${JSON.stringify(await figure.measure())}\n`);
