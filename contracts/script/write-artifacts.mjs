// Writes what the Python package ships of each contract, from Foundry's output: ABI, bytecode, and what tells whether the
// code at an address is this one. Called by `make artifacts`.
//
//   node script/write-artifacts.mjs [OUT] [TARGET]
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CONTRACTS = ["Credit", "ProviderManager", "MetaScheduler"];

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? join(here, "../out");
const target = process.argv[3] ?? join(here, "../../src/deepsquare/chain/artifacts");

mkdirSync(target, { recursive: true });
for (const name of CONTRACTS) {
  const { abi, bytecode, deployedBytecode } = JSON.parse(readFileSync(join(out, `${name}.sol`, `${name}.json`), "utf8"));
  const artifact = { abi, bytecode: bytecode.object, runtime: recognition(deployedBytecode) };
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(artifact, null, 1)}\n`);
}

// Of the code as it lies on a chain: its hash with zeros in place of the immutables, which differ from grid to grid.
function recognition({ object, immutableReferences = {} }) {
  const immutables = Object.values(immutableReferences)
    .flat()
    .map(({ start, length }) => [start, length])
    .sort(([one], [other]) => one - other);
  const sha256 = createHash("sha256").update(Buffer.from(object.slice(2), "hex")).digest("hex");
  return { sha256, immutables };
}
