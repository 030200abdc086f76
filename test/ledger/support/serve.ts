/** JSON-RPC over HTTP for a chain of this process, so that the ledger layer reads it as it would any node. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Call {
  readonly method: string;
  readonly params: unknown[];
}

type Asked = Call & { readonly id: number };

interface Requestable {
  request(call: Call): Promise<unknown>;
}

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

export async function serve(provider: Requestable): Promise<Served> {
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked | Asked[];
      const body = Array.isArray(asked)
        ? await Promise.all(asked.map((one) => answerTo(provider, one)))
        : await answerTo(provider, asked);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    void answer();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerTo(provider: Requestable, { id, method, params }: Asked): Promise<unknown> {
  const body = await provider.request({ method, params }).then(
    (result) => ({ result }),
    (error: { code?: number; message: string; data?: unknown }) => ({
      error: { code: error.code ?? -32603, message: error.message, data: error.data },
    }),
  );
  return { jsonrpc: "2.0", id, ...body };
}
