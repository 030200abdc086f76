/** Loaded into a process with `--import`: its clock is SKEW seconds ahead of the machine's, or behind it where that is negative. */
const offset = 1000 * Number(process.env.SKEW);
const now = Date.now.bind(Date);

globalThis.Date = class extends Date {
  constructor(...values) {
    if (values.length === 0) super(now() + offset);
    else super(...values);
  }

  static now() {
    return now() + offset;
  }
};
