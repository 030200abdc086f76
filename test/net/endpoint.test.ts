import { expect } from "chai";

import { endpointHosts } from "../../src/net/endpoint.js";

describe("hosts of endpoints", () => {
  it("are DNS names and addresses in bytes, each once; what is no endpoint has none", () => {
    const { dns, ip } = endpointHosts([
      "Validator.example:8443",
      "validator.example:8444",
      "192.0.2.1:1",
      "[2001:db8::a0:1]:1",
      "[::ffff:192.0.2.7]:1",
      "[::1]:1",
      "nothing",
      "bad_host:1",
      "",
    ]);
    expect(dns).to.deep.equal(["validator.example"]);
    expect(ip.map((address) => Buffer.from(address).toString("hex")).sort()).to.deep.equal([
      "00000000000000000000000000000001",
      "00000000000000000000ffffc0000207",
      "20010db8000000000000000000a00001",
      "c0000201",
    ]);
  });
});
