// Says at once, and in one sentence, that the tools need a newer Node: their own complaints are longer and come later.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(
    `error: Swarmkeep is built with Node 22.13 or newer, and this is ${process.versions.node}: ` +
      "on Linux x64 run `npm ci`, which brings one along; elsewhere install one from nodejs.org\n",
  );
  process.exitCode = 3;
}
