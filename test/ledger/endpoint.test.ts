import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";

import { expect } from "chai";

import { sendAll } from "../../src/ledger/batch.js";
import { Endpoint } from "../../src/ledger/endpoint.js";
import type { LedgerError, LedgerErrorCode } from "../../src/ledger/errors.js";
import { endpointOf, startChain, type TestChain } from "./support/chain.js";
import { Proxy } from "./support/proxy.js";
import { failure } from "./support/failure.js";

describe("ledger endpoint", () => {
  let chain: TestChain;
  let proxy: Proxy;

  before(async () => {
    chain = await startChain();
    proxy = await new Proxy(chain.url).start();
  });

  after(async () => {
    await proxy.stop();
    await chain.close();
  });

  beforeEach(() => {
    proxy.plain = undefined;
    proxy.silent = false;
    proxy.lie = (_call, result) => result;
  });

  async function refusal(timeoutMs = 5000): Promise<LedgerError> {
    const endpoint = endpointOf(proxy.url, { timeoutMs });
    try {
      return await failure(endpoint.send("eth_blockNumber"));
    } finally {
      endpoint.close();
    }
  }

  it("answers over HTTP and over WebSocket, and to ethers", async () => {
    for (const url of [chain.url, chain.webSocketUrl]) {
      const endpoint = endpointOf(url);
      const head = await endpoint.send("eth_blockNumber");
      expect(head).to.match(/^0x/);
      expect(await endpoint.provider.getBlockNumber()).to.equal(Number(head));
      endpoint.close();
    }
  });

  it("gives many answers of one method in order: in batches, over WebSocket, and one by one where a node takes no batches", async () => {
    const lists = Array.from({ length: 200 }, (_, i) => [`0x${i.toString(16)}`, false]);
    const shown = (answers: unknown[]): unknown[] =>
      answers.map((answer) => (answer === null ? null : (answer as { number: string }).number));
    for (const [url, batches, requests] of [
      [chain.webSocketUrl, true, 0],
      [proxy.url, true, 5],
      [proxy.url, false, 205],
    ] as const) {
      const endpoint = endpointOf(url);
      proxy.batches = batches;
      const before = proxy.requests;
      const answers = shown(await sendAll(endpoint, "eth_getBlockByNumber", lists));
      expect(answers).to.have.length(200);
      expect(answers[0]).to.equal("0x0");
      expect(answers.at(-1)).to.equal(null);
      expect(proxy.requests - before, "one of them for the chain's id").to.equal(requests);
      endpoint.close();
    }
    proxy.batches = true;
  });

  it("what a node refuses within a batch is an error of its own", async () => {
    const endpoint = endpointOf(proxy.url);
    proxy.refuse = ({ params }) => (params[0] === "0x1" ? "not this one" : undefined);
    const error = await failure(
      sendAll(endpoint, "eth_getBlockByNumber", [
        ["0x0", false],
        ["0x1", false],
      ]),
    );
    expect([error.code, error.message]).to.satisfy(
      ([code, message]: [string, string]) => code === "rpc" && message.includes("not this one"),
    );
    proxy.refuse = () => undefined;
    endpoint.close();
  });

  it("gives user and password in a header, and repeats them in no error", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: "0x7a69" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = new Endpoint({ url: `http://user:p%40ss@127.0.0.1:${port}/`, chainId: 31337n });
    await endpoint.send("eth_blockNumber");
    expect(seen[0]).to.equal(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
    const error = await failure(endpoint.send("eth_blockNumber"));
    expect(error.code).to.equal("refused");
    expect(inspect(error, { depth: 9 })).not.to.match(/p@ss|p%40ss/);
    endpoint.close();
  });

  for (const lie of [null, {}, 7, "0x", "0xzz", `0x${"f".repeat(400)}`]) {
    it(`${String(JSON.stringify(lie)).slice(0, 20)} as a number is a bad answer, told in one sentence`, async () => {
      proxy.lie = ({ method }, result) => (method === "eth_chainId" ? result : lie);
      const endpoint = endpointOf(proxy.url);
      const error = await failure(endpoint.send("eth_blockNumber"));
      expect(error.code).to.equal("bad-answer");
      expect(error.message).to.contain("eth_blockNumber").and.to.have.length.below(200);
      endpoint.close();
    });
  }

  it("tells of heads over WebSocket, and that the connection ended", async () => {
    const endpoint = endpointOf(chain.url, { webSocketUrl: chain.webSocketUrl });
    let tell: () => void = () => undefined;
    const told = new Promise<void>((resolve) => (tell = resolve));
    const subscription = await endpoint.subscribeHeads(() => tell());
    await chain.mine();
    await told;
    endpoint.close();
    await subscription?.closed;
  });

  const plain: readonly [LedgerErrorCode, number, string][] = [
    ["not-json-rpc", 200, "<html>hello</html>"],
    ["not-json-rpc", 200, "null"],
    ["not-json-rpc", 200, "{}"],
    ["not-json-rpc", 502, "Bad Gateway"],
    ["rate-limited", 429, "{}"],
    ["rate-limited", 200, '{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"slow down"}}'],
    ["rpc", 200, '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'],
  ];
  for (const [code, status, body] of plain) {
    it(`HTTP ${status} with ${body} is ${code}`, async () => {
      proxy.plain = { status, body };
      expect((await refusal()).code).to.equal(code);
    });
  }

  it("a silent endpoint is a timeout", async () => {
    proxy.silent = true;
    expect((await refusal(50)).code).to.equal("timeout");
  });

  it("another chain is named in the error", async () => {
    proxy.lie = ({ method }, result) => (method === "eth_chainId" ? "0x1" : result);
    const error = await refusal();
    expect(error.code).to.equal("wrong-chain");
    expect(error.message).to.include("chain 1, not 31337");
  });

  it("nobody there is refused, over HTTP and WebSocket, and the same endpoint works once somebody is", async () => {
    await proxy.stop();
    const endpoint = endpointOf(proxy.url);
    expect((await failure(endpoint.send("eth_blockNumber"))).code).to.equal("refused");
    const socket = endpointOf(proxy.url.replace("http", "ws"));
    expect((await failure(socket.send("eth_blockNumber"))).code).to.equal("refused");
    await proxy.start();
    expect(await endpoint.send("eth_blockNumber")).to.match(/^0x/);
    endpoint.close();
    socket.close();
  });

  it("never shows what may be an access key in its address", async () => {
    for (const scheme of ["http", "ws"]) {
      const endpoint = endpointOf(`${scheme}://user:secret@127.0.0.1:1/v3/secret?key=secret`);
      const error = await failure(endpoint.send("eth_blockNumber"));
      expect(`${error.message} ${JSON.stringify(error.details)}`).not.to.include("secret");
      endpoint.close();
    }
  });

  it("checks the chain again after an outage", async () => {
    const endpoint = endpointOf(proxy.url);
    await endpoint.send("eth_blockNumber");
    await proxy.stop();
    await failure(endpoint.send("eth_blockNumber"));
    proxy.lie = ({ method }, result) => (method === "eth_chainId" ? "0x1" : result);
    await proxy.start();
    expect((await failure(endpoint.send("eth_blockNumber"))).code).to.equal("wrong-chain");
    endpoint.close();
  });
});
