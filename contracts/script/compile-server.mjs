// One compiler for many compilations: a mutant differs from its source by a few characters, and starting the compiler
// takes as long as compiling. A request is one line of JSON on standard input: {settings, changed, targets}, `changed`
// being file -> its text where that is not what lies in this folder. The answer is the compiler's, as one line.
import fs from "node:fs";
import readline from "node:readline";
import { createRequire } from "node:module";

const solc = createRequire(import.meta.url)("solc");

function compile({ settings, changed, targets }) {
  const read = (file) => changed[file] ?? fs.readFileSync(file, "utf8");
  const sources = Object.fromEntries(targets.map((file) => [file, { content: read(file) }]));
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  return solc.compile(input, { import: (file) => ({ contents: read(file) }) });
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(JSON.parse(compile(JSON.parse(line)))) + "\n");
}
