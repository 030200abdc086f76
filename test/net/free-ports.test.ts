import { once } from "node:events";
import { type Server, createServer } from "node:net";

import { expect } from "chai";

import { freePorts, portOrFree } from "../../src/net/free-ports.js";

describe("ports for servers that start later", () => {
  const taken: Server[] = [];

  async function take(port: number): Promise<void> {
    const server = createServer().listen(port, "127.0.0.1");
    taken.push(server);
    await once(server, "listening");
  }

  afterEach(async () => {
    await Promise.all(taken.splice(0).map((server) => new Promise((closed) => server.close(closed))));
  });

  it("are in a row, and below those of outgoing connections", async () => {
    for (const count of [1, 2, 23]) {
      const ports = await freePorts(count);
      expect(ports).to.deep.equal(Array.from({ length: count }, (_, index) => (ports[0] ?? 0) + index));
      expect(ports[0]).to.be.at.least(11_000);
      expect(ports.at(-1)).to.be.below(32_768);
    }
  });

  it("are all free: a row with one that is taken is left for another", async () => {
    const row = await freePorts(6);
    const [start = 0] = row;
    await take(start + 2);
    const starts = [start, start + 3];
    expect(await freePorts(3, () => starts.shift() ?? 0)).to.deep.equal([start + 3, start + 4, start + 5]);
    expect(starts).to.deep.equal([]);
  });

  it("are refused where no row is free", async () => {
    const [port = 0] = await freePorts(1);
    await take(port);
    const error: unknown = await freePorts(1, () => port).catch((cause: unknown) => cause);
    expect(error).to.be.an("error").with.property("message", "no 1 ports in a row are free between 11000 and 32767");
  });

  it("are the preferred one, where it is free", async () => {
    const [port = 0] = await freePorts(1);
    expect(await portOrFree(port)).to.equal(port);
    await take(port);
    expect(await portOrFree(port)).to.not.equal(port);
  });
});
