/** What strangers write to the chain, on its way to the pages: cut, cleaned, and told as text. */
import { expect } from "chai";

import { Decoder, shownText } from "../../src/explorer/decoding.js";
import { bitsOf, entriesOf, runsOf } from "../../src/explorer/entries.js";
import { callInWords, devices, eventInWords } from "../../src/explorer/words.js";
import { INTERFACES } from "../../src/ledger/contracts.js";
import { ADDRESSES, accountOf } from "./large-chain.js";

const registered = (endpoint: string) =>
  INTERFACES.registry.encodeEventLog("ValidatorRegistered", [
    accountOf(1),
    [1n, 2n, 3n, 4n],
    `0x${"11".repeat(32)}`,
    endpoint,
    "grp:a",
    1n,
  ]);

describe("hostile texts and bytes", () => {
  const decoder = new Decoder(ADDRESSES);

  it("texts lose what is invisible or turns their direction, and are cut", () => {
    expect(shownText("a\u202eb\u0000c\u200bd\u2028e")).to.equal("a\ufffdb\ufffdc\ufffdd\ufffde");
    expect(shownText("x".repeat(100_000)))
      .to.have.length.below(600)
      .and.to.contain("100000 characters");
  });

  it("an endpoint that is markup stays text, and its event is told in words", () => {
    const markup = '<img src=x onerror="alert(1)"><a href="javascript:alert(1)">here</a>';
    const { name, args } = decoder.log({ address: ADDRESSES.registry, ...registered(markup) });
    expect(args["endpoint"]).to.equal(markup);
    const words = eventInWords(name ?? "", args);
    expect(
      words.filter((part) => typeof part !== "string").map((part) => (part as { kind: string }).kind),
    ).to.deep.equal(["validator"]);
  });

  it("a text that is no UTF-8 is shown as empty, and the event is told all the same", () => {
    const { topics, data } = registered("abcd");
    const broken = data.replace(Buffer.from("abcd").toString("hex"), "fffefdfc");
    const { name, args } = decoder.log({ address: ADDRESSES.registry, topics, data: broken });
    expect([name, args["endpoint"]]).to.deep.equal(["ValidatorRegistered", ""]);
  });

  it("bytes that only look like an event or a call are told as unknown", () => {
    const { topics } = registered("a");
    expect(decoder.log({ address: ADDRESSES.registry, topics, data: "0x1234" }).name).to.equal(undefined);
    expect(decoder.log({ address: ADDRESSES.registry, topics: [], data: "0x" }).name).to.equal(undefined);
    const selector = INTERFACES.fleets.getFunction("appendBatch")?.selector ?? "";
    for (const input of ["0x", "0x12", selector, `${selector}${"ff".repeat(200)}`]) {
      expect(decoder.call(ADDRESSES.fleets, input).args, input).to.be.an("object");
    }
    expect(decoder.call(ADDRESSES.fleets, "0xdeadbeef").name).to.equal(undefined);
    expect(callInWords("fleets", null, {}, "0")[0]).to.equal("called ");
  });

  it("long lists and long bytes are cut, and it is said how long they were", () => {
    const words = Array.from({ length: 500 }, (_, i) => i);
    const input = INTERFACES.revocations.encodeFunctionData("revoke", [
      words,
      words.map(() => 1n),
      1,
      1,
      { x0Hi: 0, x0Lo: 0, x1Hi: 0, x1Lo: 0, y0Hi: 0, y0Lo: 0, y1Hi: 0, y1Lo: 0 },
    ]);
    const { args } = decoder.call(ADDRESSES.revocations, input);
    expect(args["words"]).to.have.length(257);
    expect(JSON.stringify(args).length).to.be.below(10_000);
    const entries = `0x${"00000001".padEnd(72, "f").repeat(300)}`;
    const log = INTERFACES.revocations.encodeEventLog("Held", [1n, accountOf(1), entries]);
    const shown = decoder.log({ address: ADDRESSES.revocations, ...log }).args;
    expect(String(shown["entries"]).length).to.be.below(2_200);
    expect(devices(shown["entries"] ?? null).at(-1)).to.equal(" and more");
  });

  it("entries of any bytes give devices, and nothing else", () => {
    expect([...entriesOf("0x")]).to.deep.equal([]);
    expect([...entriesOf(`0x${"0".repeat(71)}`)]).to.deep.equal([]);
    const [entry] = [...entriesOf(`0x00000002${"0".repeat(62)}0e`)];
    expect(bitsOf(entry!.mask)).to.equal(3);
    expect(runsOf(entry!, 5)).to.deep.equal([[513, 515]]);
  });
});
