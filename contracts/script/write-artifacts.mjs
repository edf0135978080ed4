// Writes what the Python package ships of each contract, ABI and bytecode, from Foundry's output. Called by `make artifacts`.
//
//   node script/write-artifacts.mjs [OUT] [TARGET]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CONTRACTS = ["Credit", "ProviderManager", "MetaScheduler"];

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? join(here, "../out");
const target = process.argv[3] ?? join(here, "../../src/deepsquare/chain/artifacts");

mkdirSync(target, { recursive: true });
for (const name of CONTRACTS) {
  const { abi, bytecode } = JSON.parse(readFileSync(join(out, `${name}.sol`, `${name}.json`), "utf8"));
  const artifact = { abi, bytecode: bytecode.object };
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(artifact, null, 1)}\n`);
}
